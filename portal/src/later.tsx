// Parts of the page whose code is loaded when they are first shown.

import { Spinner } from "@fluentui/react-components";
import { Suspense, lazy } from "react";
import type { ComponentType } from "react";
import { Boundary } from "./boundary";
import { useWords } from "./words/words";

/** A part that shows an error if its code cannot be loaded, and then loads it again. */
export function later(load: () => Promise<{ default: ComponentType }>): ComponentType {
  let Part = fresh();
  // React keeps the result of a lazy part, even a failure, so a retry needs a new part.
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
