// Proofs, each checked by the browser before anything is shown of it.

import { useMutation, useQuery } from "@tanstack/react-query";
import { checkEntry, checkGrowth, NotWhole } from "../proofs/check";
import { noteKeys } from "../proofs/keys";
import { readSigned } from "../proofs/note";
import { Failure } from "./client";
import type { Api } from "./client";
import { body, saveText, useApi } from "./queries";
import type { OpenActivity } from "./queries";

/** The keys that the service names, which this browser notes. */
async function keysOf(api: Api): Promise<string[]> {
  const keys = body(await api.GET("/v1/keys")).keys.map(({ key }) => key);
  noteKeys(keys);
  return keys;
}

/** That an entry, as the page shows it, is what was sealed. */
export function useEntryProof(activity: OpenActivity) {
  const api = useApi();
  return useQuery({
    // After an erasure the same entry has another proof.
    queryKey: ["proof", activity.id, activity.erased_at],
    queryFn: async ({ signal }) => {
      const params = { path: { id: activity.id } };
      const proof = body(await api.GET("/v1/activities/{id}/proof", { params, signal }));
      return checkEntry({ ...activity }, proof, await keysOf(api));
    },
    retry: (count, error) => error instanceof Failure && error.passes && count < 2,
  });
}

/** Saves the checkpoint of now as a small file. */
export function useKeepCheckpoint() {
  const api = useApi();
  return useMutation({
    mutationFn: async () => {
      const { checkpoint } = body(await api.GET("/v1/checkpoint"));
      const read = await readSigned(checkpoint, await keysOf(api));
      if (!read) throw new NotWhole("signature");
      const day = read.sealedTo.slice(0, 10);
      saveText(`checkpoint_${read.partner}_${day}_${read.size}.txt`, checkpoint);
    },
  });
}

/** Compares a checkpoint that was kept with the log of now. */
export function useCompare() {
  const api = useApi();
  return useMutation({
    mutationFn: async (kept: Promise<string>) =>
      checkGrowth(await kept, (size) => consistency(api, size), await keysOf(api)),
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
