// Decides which addresses from the service become links: never one that runs a script.

export function isWebAddress(text: string | undefined): text is string {
  return text !== undefined && /^https?:\/\//i.test(text);
}
