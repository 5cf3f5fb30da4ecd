// The form that exports what the list shows, and the exports of the last weeks.

import {
  Button,
  DrawerBody,
  DrawerHeader,
  DrawerHeaderTitle,
  OverlayDrawer,
  Spinner,
} from "@fluentui/react-components";
import { DismissRegular } from "@fluentui/react-icons";
import { useEffect } from "react";
import { useExports } from "../api/queries";
import { Trouble } from "../states";
import { useView } from "../view";
import { useWords } from "../words/words";
import { Export } from "./export";
import { NewExportForm } from "./form";
import { EXPORT_BUTTON } from "./started";

export default function Exports() {
  const { t } = useWords();
  const { panels, setPanel } = useView();
  const close = () => setPanel("exports", false);
  return (
    <OverlayDrawer
      open={panels.includes("exports")}
      position="end"
      size="medium"
      aria-label={t("exports")}
      onOpenChange={(_, { open }) => open || close()}
    >
      <DrawerHeader>
        <DrawerHeaderTitle
          action={
            <Button
              appearance="subtle"
              aria-label={t("close")}
              icon={<DismissRegular />}
              onClick={close}
            />
          }
        >
          {t("exports")}
        </DrawerHeaderTitle>
      </DrawerHeader>
      <DrawerBody>
        <Leaving />
        <div className="stack">
          <NewExportForm />
          <h2>{t("recent_exports")}</h2>
          <Recent />
        </div>
      </DrawerBody>
    </OverlayDrawer>
  );
}

/** Does what Fluent UI omits if an address opened the drawer, or if a lost session removes it. */
function Leaving() {
  useEffect(
    () => () => {
      document.getElementById("page")?.removeAttribute("aria-hidden");
      if (document.activeElement === document.body) {
        document.getElementById(EXPORT_BUTTON)?.focus();
      }
    },
    [],
  );
  return null;
}

function Recent() {
  const { t } = useWords();
  const { data, error, refetch } = useExports();
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  if (!data) return <Spinner size="tiny" label={t("loading")} />;
  if (data.length === 0) return <p className="quiet">{t("no_exports")}</p>;
  return (
    <ul className="exports">
      {data.map((one) => (
        <Export key={one.id} found={one} />
      ))}
    </ul>
  );
}
