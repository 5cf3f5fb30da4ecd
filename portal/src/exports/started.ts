// The exports that were started here: each is downloaded once it is ready.

import { useEffect, useState } from "react";
import { useDownload, useExports } from "../api/queries";

const started = new Set<string>();

export function remember(id: string) {
  started.add(id);
}

/** Downloads what becomes ready, and says its name. */
export function useDownloadWhenReady(): string | undefined {
  const { data } = useExports();
  const { mutate } = useDownload();
  const [name, setName] = useState<string>();
  useEffect(() => {
    for (const { id, state, file } of data ?? []) {
      if (state !== "ready" || !started.delete(id)) continue;
      setName(file?.name);
      mutate(id);
    }
  }, [data, mutate]);
  return name;
}
