// What a person typed and chose, kept in the tab while the browser is at the issuer.
//
// The address keeps the view; this keeps what is not in force yet.

import { useEffect, useState } from "react";
import { recall, remember } from "./remembered";

const PREFIX = "kept.";

/** A state that outlives a reload of the tab, until somebody signs out. */
export function useKept<State>(name: string, first: State) {
  const [state, setState] = useState<State>(() => stored(name) ?? first);
  useEffect(() => remember(PREFIX + name, JSON.stringify(state), "sessionStorage"), [name, state]);
  return [state, setState] as const;
}

function stored<State>(name: string): State | undefined {
  const text = recall(PREFIX + name, "sessionStorage");
  return text === null ? undefined : (JSON.parse(text) as State);
}

export function forgetKept() {
  for (const name of Object.keys(sessionStorage)) {
    if (name.startsWith(PREFIX)) sessionStorage.removeItem(name);
  }
}
