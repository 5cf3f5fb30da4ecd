// What a deployment changes about the page without building it again: a logo, a link to
// help, and words for actions, from `/branding.json`, which is served beside the page.

import { createContext } from "react";
import { GROUPS, addActions, groupOf } from "./words/actions";
import type { ActionWords } from "./words/actions";

export interface Branding {
  /** A picture in the folder `/branding/`, beside the page. */
  logo?: string;
  /** The address of a page with help. */
  help?: string;
}

export const BrandingContext = createContext<Branding>({});

/** Where a logo may be: the page's policy allows pictures of its own origin alone. */
const LOGO = /^\/branding\/[\w.-]+$/;

/** What the service takes as the name of an action, and as words for one in an export. */
const NAME = /^[a-z0-9._-]{1,64}$/;
const WORDS = /^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]{1,256}$/u;

/** Half of a character, which can't be sent. */
const LONE_SURROGATE = /\p{Cs}/u;

/** Teaches the page the file's actions; what the file does not have, or has wrong, stays as it is. */
export async function loadBranding(): Promise<Branding> {
  const response = await fetch("/branding.json").catch(() => undefined);
  const file: unknown = response?.ok ? await response.json().catch(() => undefined) : undefined;
  addActions(actionsOf(file));
  const { logo, help } = fieldsOf(file);
  return {
    ...(typeof logo === "string" && LOGO.test(logo) && { logo }),
    ...(typeof help === "string" && /^https?:\/\//.test(help) && { help }),
  };
}

/** The actions of the file that have words; those of one language serve for both. */
export function actionsOf(file: unknown): Record<string, ActionWords> {
  const actions = Object.entries(fieldsOf(fieldsOf(file)["actions"]));
  const found = actions.flatMap(([name, entry]) => {
    const { en, ko, group } = fieldsOf(entry);
    const [english, korean] = [wordsOf(en) ?? wordsOf(ko), wordsOf(ko) ?? wordsOf(en)];
    if (!english || !korean || !NAME.test(name)) return [];
    const own = GROUPS.find((one) => one === group) ?? groupOf(name);
    return [[name, { en: english, ko: korean, group: own }] as const];
  });
  return Object.fromEntries(found);
}

function wordsOf(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  return value.trim() && WORDS.test(value) && !LONE_SURROGATE.test(value) ? value : undefined;
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
