// What a person chose, remembered by the browser, or by one tab of it.
//
// A browser may refuse to store anything, also to a page in a frame; then a choice lasts
// until the page is left.

export type Place = "localStorage" | "sessionStorage";

export function recall(name: string, place: Place = "localStorage"): string | null {
  try {
    return window[place].getItem(name);
  } catch {
    return null;
  }
}

export function remember(name: string, value: string, place: Place = "localStorage") {
  try {
    window[place].setItem(name, value);
  } catch {
    // The choice still applies to this visit.
  }
}
