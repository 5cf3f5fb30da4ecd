// The page's reads and requests, cached by TanStack Query.

import {
  infiniteQueryOptions,
  keepPreviousData,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { createContext, useContext } from "react";
import { asked, isReversed } from "../range";
import type { Filter, Range } from "../view";
import { Failure } from "./client";
import type { ActivityPage, Api, ListedExport, NewExport, Summary } from "./client";
import { parseExactly } from "./exact";
import type { components } from "./openapi";

/** An activity whose details keep the characters of a number. */
export type OpenActivity = components["schemas"]["Activity"];

export const ApiContext = createContext<Api | undefined>(undefined);

export function useApi(): Api {
  const api = useContext(ApiContext);
  if (!api) throw new Error("there is no API here");
  return api;
}

/** How many entries one request asks for. */
export const PAGE_LIMIT = 100;

/** How many exports the list of recent ones has. */
const EXPORTS_LIMIT = 20;

const POLL_MS = 1_000;

/** Shows the last filter's answer until this one's arrives; an earlier filter is read again. */
function byFilter(filter: Filter, isWanted = true) {
  return isWanted && !isReversed(filter)
    ? ({ enabled: true, placeholderData: keepPreviousData, gcTime: 0 } as const)
    : ({ enabled: false, gcTime: 0 } as const);
}

export function body<Body>({ data }: { data?: Body | undefined }): Body {
  if (data === undefined) throw new Failure("problem");
  return data;
}

export function useActivities(filter: Filter) {
  const api = useApi();
  return useInfiniteQuery({
    ...byFilter(filter),
    queryKey: ["activities", filter],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam, signal }): Promise<ActivityPage> => {
      const query = {
        ...asked(filter),
        limit: PAGE_LIMIT,
        ...(pageParam ? { cursor: pageParam } : {}),
      };
      return body(await api.GET("/v1/activities", { params: { query }, signal }));
    },
    getNextPageParam: (last) => last.next_cursor,
  });
}

export function useActivity(id: string) {
  const api = useApi();
  return useQuery({
    queryKey: ["activity", id],
    queryFn: async ({ signal }) => {
      const options = {
        params: { path: { id } },
        parseAs: "text",
        signal,
      } as const;
      return parseExactly(body(await api.GET("/v1/activities/{id}", options))) as OpenActivity;
    },
  });
}

export type GroupBy = "day" | "action" | "customer" | "actor" | "outcome";

/** The requests that count a range; a long one takes several, whose counts are added. */
function summary(api: Api, range: Range, groupBy: GroupBy[]) {
  return infiniteQueryOptions({
    queryKey: ["summary", groupBy, range],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam, signal }): Promise<Summary> => {
      const query = {
        ...asked(range),
        group_by: groupBy,
        ...(pageParam ? { cursor: pageParam } : {}),
      };
      return body(await api.GET("/v1/activities/summary", { params: { query }, signal }));
    },
    getNextPageParam: (last) => last.next_cursor,
  });
}

/** The counts of the entries that pass a filter, once they are wanted. */
export function useSummary(filter: Filter, groupBy: GroupBy[], isWanted = true) {
  const options = byFilter(filter, isWanted);
  return useInfiniteQuery({ ...summary(useApi(), filter, groupBy), ...options });
}

/** The counts of a whole period, which are kept when nothing shows them any more. */
export function useSummaryOfPeriod(range: Range, groupBy: GroupBy[], isWanted: boolean) {
  const enabled = isWanted && !isReversed(range);
  return useInfiniteQuery({ ...summary(useApi(), range, groupBy), enabled });
}

export function isUnderWay({ state }: Pick<ListedExport, "state">): boolean {
  return state === "queued" || state === "running";
}

/** The recent exports, read again each second while one is under way. */
export function useExports() {
  const api = useApi();
  return useQuery({
    queryKey: ["exports"],
    // Another tab or person may have started one.
    refetchOnMount: "always",
    queryFn: async ({ signal }) => {
      const params = { query: { limit: EXPORTS_LIMIT } };
      return body(await api.GET("/v1/exports", { params, signal })).items;
    },
    refetchInterval: ({ state }) => (state.data?.some(isUnderWay) ? POLL_MS : false),
  });
}

/** Calls `onCreated` before the list is read again, even if the form is closed. */
export function useCreateExport(onCreated: (id: string) => void) {
  const [api, client] = [useApi(), useQueryClient()];
  return useMutation({
    mutationFn: async ({ key, wanted }: { key: string; wanted: NewExport }) => {
      const params = { header: { "Idempotency-Key": key } };
      return body(await api.POST("/v1/exports", { params, body: wanted }));
    },
    onSuccess: ({ id }) => onCreated(id),
    onSettled: () => client.invalidateQueries({ queryKey: ["exports"] }),
  });
}

/** Gets a new link to an export's file or its proof; the service records each link in the log. */
export function useDownload() {
  const [api, client] = [useApi(), useQueryClient()];
  return useMutation({
    mutationFn: async ({ id, what }: { id: string; what: "file" | "proof" }) => {
      const found = body(await api.GET("/v1/exports/{id}", { params: { path: { id } } }));
      const url = what === "proof" ? found.download?.proof_url : found.download?.url;
      if (!url) throw new Failure("problem");
      save(url);
    },
    onError: () => client.invalidateQueries({ queryKey: ["exports"] }),
  });
}

export function useDeleteExport() {
  const [api, client] = [useApi(), useQueryClient()];
  return useMutation({
    mutationFn: async (id: string) => {
      await api.DELETE("/v1/exports/{id}", { params: { path: { id } } });
    },
    onSettled: () => client.invalidateQueries({ queryKey: ["exports"] }),
  });
}

/** Lets the browser save a file; the link contains the file's name. */
function save(url: string) {
  const link = document.createElement("a");
  link.href = url;
  // A new tab shows the error if storage refuses; a browser only opens one just after a click.
  if (navigator.userActivation?.isActive) link.target = "_blank";
  link.rel = "noopener";
  link.click();
}

/** Lets the browser save a text as a file. */
export function saveText(name: string, text: string) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}
