// Proofs, each checked by the browser before anything is shown of it.

import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { checkEntry, checkGrowth, NotWhole } from "../proofs/check";
import { noteKeys } from "../proofs/keys";
import { readSigned } from "../proofs/note";
import { Failure } from "./client";
import type { Api } from "./client";
import { body, saveText, useApi } from "./queries";
import type { OpenActivity } from "./queries";

const HOUR_MS = 3_600_000;

/** The keys that the service names, which this browser notes. */
function useKeys(api: Api): () => Promise<string[]> {
  const client = useQueryClient();
  const queryFn = async () => {
    const keys = body(await api.GET("/v1/keys")).keys.map(({ key }) => key);
    noteKeys(keys);
    return keys;
  };
  return () => client.fetchQuery({ queryKey: ["keys"], queryFn, staleTime: HOUR_MS });
}

/** That an entry, as the page shows it, is what was sealed. */
export function useEntryProof(activity: OpenActivity) {
  const api = useApi();
  const keys = useKeys(api);
  return useQuery({
    // After an erasure the same entry has another proof.
    queryKey: ["proof", activity.id, activity.erased_at],
    queryFn: async ({ signal }) => {
      const params = { path: { id: activity.id } };
      const proof = body(await api.GET("/v1/activities/{id}/proof", { params, signal }));
      return checkEntry({ ...activity }, proof, await keys());
    },
    retry: (count, error) => error instanceof Failure && error.passes && count < 2,
  });
}

/** Saves the checkpoint of now as a small file. */
export function useKeepCheckpoint() {
  const api = useApi();
  const keys = useKeys(api);
  return useMutation({
    mutationFn: async () => {
      const { checkpoint } = body(await api.GET("/v1/checkpoint"));
      const read = await readSigned(checkpoint, await keys());
      if (!read) throw new NotWhole("signature");
      const day = read.sealedTo.slice(0, 10);
      saveText(`checkpoint_${read.partner}_${day}_${read.size}.txt`, checkpoint);
    },
  });
}

/** Compares a checkpoint that was kept with the log of now. */
export function useCompare() {
  const api = useApi();
  const keys = useKeys(api);
  return useMutation({
    mutationFn: async (kept: Promise<string>) =>
      checkGrowth(await kept, (size) => consistency(api, size), await keys()),
  });
}

async function consistency(api: Api, from_size: number) {
  try {
    const params = { query: { from_size } };
    return body(await api.GET("/v1/checkpoint/consistency", { params }));
  } catch (error) {
    // The service has fewer entries than were signed once, or none.
    const isShorter = error instanceof Failure && [400, 409].includes(error.status ?? 0);
    throw isShorter ? new NotWhole("shorter") : error;
  }
}
