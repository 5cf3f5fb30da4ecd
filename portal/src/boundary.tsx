// Contains an error in one part of the page, so that the other parts stay.

import { Button } from "@fluentui/react-components";
import { Component } from "react";
import type { ReactNode } from "react";
import { State } from "./states";
import { useWords } from "./words/words";

interface BoundaryProps {
  /** Called at each attempt. */
  children: () => ReactNode;
}

export class Boundary extends Component<BoundaryProps, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    if (!this.state.failed) return this.props.children();
    return <Broken retry={() => this.setState({ failed: false })} />;
  }
}

function Broken({ retry }: { retry: () => void }) {
  const { t } = useWords();
  return (
    <div role="alert">
      <State title={t("broken")} hint={t("broken_hint")}>
        <div className="row">
          <Button onClick={retry}>{t("retry")}</Button>
          <Button onClick={() => location.reload()}>{t("reload")}</Button>
        </div>
      </State>
    </div>
  );
}
