// What a person typed and chose, kept in the tab while the browser is at the issuer.
//
// The address keeps the view; this keeps what is not in force yet.

import { useEffect, useState } from "react";

const PREFIX = "kept.";

/** A state that outlives a reload of the tab, until somebody signs out. */
export function useKept<State>(name: string, first: State) {
  const [state, setState] = useState<State>(() => stored(name) ?? first);
  useEffect(() => sessionStorage.setItem(PREFIX + name, JSON.stringify(state)), [name, state]);
  return [state, setState] as const;
}

function stored<State>(name: string): State | undefined {
  const text = sessionStorage.getItem(PREFIX + name);
  return text === null ? undefined : (JSON.parse(text) as State);
}

export function forgetKept() {
  for (const name of Object.keys(sessionStorage)) {
    if (name.startsWith(PREFIX)) sessionStorage.removeItem(name);
  }
}
