// What a person chose, remembered by the browser.
//
// A browser may refuse to store anything; then a choice lasts until the page is left.

export function recall(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

export function remember(name: string, value: string) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // The choice still applies to this visit.
  }
}
