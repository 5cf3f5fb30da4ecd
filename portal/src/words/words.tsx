// The page's language: at first the browser's, then the one that the person chooses.

import { createContext, useContext, useEffect, useMemo, useState } from "react";
import type { ReactNode } from "react";
import { IntlProvider, useIntl } from "react-intl";
import { boundOf, dayOf, timeOf } from "../range";
import { recall, remember } from "../remembered";
import { actionInWords } from "./actions";
import { en } from "./en";
import type { Word } from "./en";
import { ko } from "./ko";
import { momentInWords } from "./moments";

export type Language = "en" | "ko";

const CHOICE = "language";
const LanguageContext = createContext<(language: Language) => void>(() => {});

function isLanguage(tag: string | null): tag is Language {
  return tag === "en" || tag === "ko";
}

/** The language of a tag: `ko` of `ko-KR`, and not of `kok`, which is Konkani. */
function languageOf(tag: string): string {
  return tag.toLowerCase().split("-")[0] ?? "";
}

function firstLanguage(): Language {
  const choice = recall(CHOICE);
  if (isLanguage(choice)) return choice;
  return navigator.languages.map(languageOf).find(isLanguage) ?? "en";
}

/** The browser's own variant of the language, such as `en-GB`. */
function variant(language: Language): string {
  return navigator.languages.find((tag) => languageOf(tag) === language) ?? language;
}

export function WordsProvider({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState(firstLanguage);
  const words = language === "ko" ? ko : en;
  useEffect(() => {
    document.documentElement.lang = language;
    document.title = words.title;
  }, [language, words]);
  const choose = useMemo(
    () => (language: Language) => {
      remember(CHOICE, language);
      setLanguage(language);
    },
    [],
  );
  return (
    <LanguageContext value={choose}>
      <IntlProvider locale={variant(language)} messages={words}>
        {children}
      </IntlProvider>
    </LanguageContext>
  );
}

export interface Words {
  language: Language;
  setLanguage: (language: Language) => void;
  t: (word: Word, values?: Record<string, string | number>) => string;
  action: (action: string) => string;
  /** A moment in a time zone, to the second. */
  moment: (moment: string, timeZone: string) => string;
  /** A day such as `2026-11-22`, or a moment of it such as `2026-11-22T08:30`. */
  day: (day: string, style?: "short" | "medium") => string;
  number: (number: number) => string;
  bytes: (bytes: number) => string;
}

export function useWords(): Words {
  const intl = useIntl();
  const setLanguage = useContext(LanguageContext);
  return useMemo(() => {
    const language: Language = intl.locale.startsWith("ko") ? "ko" : "en";
    return {
      language,
      setLanguage,
      t: (word, values) => intl.formatMessage({ id: word }, values),
      action: (action) => actionInWords(action, language),
      moment: (moment, timeZone) => momentInWords(intl, moment, timeZone),
      day: (day, style = "medium") =>
        intl.formatDate(`${boundOf(dayOf(day), timeOf(day) || "00:00")}:00Z`, {
          timeZone: "UTC",
          ...(style === "short" ? { month: "short", day: "numeric" } : { dateStyle: "medium" }),
          ...(timeOf(day) && { timeStyle: "short" }),
        }),
      number: (number) => intl.formatNumber(number),
      bytes: (bytes) => {
        const step = bytes < 1_000 ? 0 : bytes < 1_000_000 ? 1 : bytes < 1_000_000_000 ? 2 : 3;
        const unit = ["byte", "kilobyte", "megabyte", "gigabyte"][step] ?? "byte";
        return intl.formatNumber(bytes / 1_000 ** step, {
          style: "unit",
          unit,
          // The short form of a byte is the word, without a plural: "640 byte".
          unitDisplay: unit === "byte" ? "long" : "short",
          maximumFractionDigits: 1,
        });
      },
    };
  }, [intl, setLanguage]);
}
