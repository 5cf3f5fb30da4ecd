// The button that opens the choice of columns.

import { Button } from "@fluentui/react-components";
import { TableSettingsRegular } from "@fluentui/react-icons";
import { useState } from "react";
import type { FocusEvent, KeyboardEvent } from "react";
import { useWords } from "../words/words";
import { CHOICES, toggleColumn, useColumns } from "./columns";

export function ColumnsMenu() {
  const { t } = useWords();
  const [shown, setShown] = useState(false);
  const leave = ({ currentTarget, relatedTarget }: FocusEvent) => {
    if (!currentTarget.contains(relatedTarget)) setShown(false);
  };
  const escape = ({ key, currentTarget }: KeyboardEvent) => {
    if (key !== "Escape") return;
    setShown(false);
    currentTarget.querySelector("button")?.focus();
  };
  return (
    <div className="menu-box" onBlur={leave} onKeyDown={escape}>
      <Button
        appearance="subtle"
        icon={<TableSettingsRegular />}
        aria-expanded={shown}
        onClick={() => setShown(!shown)}
      >
        {t("columns")}
      </Button>
      {shown && <Choices />}
    </div>
  );
}

/** Takes the focus of a click beside a box, which would otherwise close the menu. */
function Choices() {
  const { t } = useWords();
  const columns = useColumns();
  return (
    <div className="menu" role="group" aria-label={t("columns")} tabIndex={-1}>
      {CHOICES.map((column) => (
        <label key={column}>
          <input
            type="checkbox"
            checked={columns.includes(column)}
            onChange={() => toggleColumn(column)}
          />
          {t(column)}
        </label>
      ))}
    </div>
  );
}
