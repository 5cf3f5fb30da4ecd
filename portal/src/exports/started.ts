// The exports that were started on this page: each is downloaded when it is ready.

import { useEffect, useState } from "react";
import { useDownload, useExports } from "../api/queries";

/** The id of the button that opens the exports; it gets the focus when they are closed. */
export const EXPORT_BUTTON = "export-log";

const started = new Set<string>();

export function remember(id: string) {
  started.add(id);
}

/** How long the page says that a file is being downloaded. */
const NOTICE_MS = 10_000;

interface Notice {
  word: "export_ready" | "export_not_downloaded";
  name: string;
}

/** Downloads each file that becomes ready, and reports the result. */
export function useDownloadWhenReady(): Notice | undefined {
  const { data } = useExports();
  const { mutateAsync: download } = useDownload();
  const [notice, setNotice] = useState<Notice>();
  useEffect(() => {
    for (const { id, state, file } of data ?? []) {
      if (state !== "ready" || !started.delete(id)) continue;
      const say = (word: Notice["word"]) => () => setNotice({ word, name: file?.name ?? "" });
      download({ id, what: "file" }).then(say("export_ready"), say("export_not_downloaded"));
    }
  }, [data, download]);
  useEffect(() => {
    if (notice?.word !== "export_ready") return undefined;
    const timer = setTimeout(() => setNotice(undefined), NOTICE_MS);
    return () => clearTimeout(timer);
  }, [notice]);
  return notice;
}
