// Exporting what the list shows, and the exports of the last weeks.

import {
  Button,
  DrawerBody,
  DrawerHeader,
  DrawerHeaderTitle,
  OverlayDrawer,
  Spinner,
} from "@fluentui/react-components";
import { DismissRegular } from "@fluentui/react-icons";
import { useExports } from "../api/queries";
import { Trouble } from "../states";
import { useView } from "../view";
import { useWords } from "../words/words";
import { Export } from "./export";
import { NewExportForm } from "./form";

export default function Exports() {
  const { t } = useWords();
  const { setPanel } = useView();
  const close = () => setPanel(undefined);
  return (
    <OverlayDrawer
      open
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
        <div className="stack">
          <NewExportForm />
          <h2>{t("recent_exports")}</h2>
          <Recent />
        </div>
      </DrawerBody>
    </OverlayDrawer>
  );
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
