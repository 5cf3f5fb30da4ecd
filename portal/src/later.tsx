// Parts of the page whose code is fetched when they are first shown.

import { Spinner } from "@fluentui/react-components";
import { Suspense, lazy } from "react";
import type { ComponentType } from "react";
import { Boundary } from "./boundary";
import { useWords } from "./words/words";

/** A part that says so when its code cannot be had, and then asks for it again. */
export function later(load: () => Promise<{ default: ComponentType }>): ComponentType {
  let Part = fresh();
  // React keeps what a lazy part came to, also that it failed.
  function fresh() {
    return lazy(() =>
      load().catch((error: unknown) => {
        Part = fresh();
        throw error;
      }),
    );
  }
  return function Later() {
    const { t } = useWords();
    return (
      <Boundary>
        {() => (
          <Suspense fallback={<Spinner size="tiny" label={t("loading_part")} />}>
            <Part />
          </Suspense>
        )}
      </Boundary>
    );
  };
}
