// Starts the page: reads the configuration, signs in, and renders.

import { FluentProvider, webDarkTheme, webLightTheme } from "@fluentui/react-components";
import { StrictMode, useSyncExternalStore } from "react";
import type { ReactNode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app";
import { Boundary } from "./boundary";
import { BrandingContext, loadBranding } from "./branding";
import type { Branding } from "./branding";
import { loadConfig } from "./config";
import { EmbeddedSession, isFramed } from "./session/embedded";
import { SignInSession } from "./session/sign_in";
import { NotStarted } from "./states";
import { completeAddress } from "./view";
import { WordsProvider } from "./words/words";

const dark = matchMedia("(prefers-color-scheme: dark)");

function subscribe(listener: () => void) {
  dark.addEventListener("change", listener);
  return () => dark.removeEventListener("change", listener);
}

function Frame({ branding, children }: { branding: Branding; children: ReactNode }) {
  const isDark = useSyncExternalStore(subscribe, () => dark.matches);
  return (
    <StrictMode>
      <FluentProvider theme={isDark ? webDarkTheme : webLightTheme}>
        <WordsProvider>
          <div className="page">
            <BrandingContext value={branding}>
              <Boundary>{() => children}</Boundary>
            </BrandingContext>
          </div>
        </WordsProvider>
      </FluentProvider>
    </StrictMode>
  );
}

async function start(draw: (node: ReactNode) => void) {
  try {
    const config = await loadConfig();
    const kind = isFramed() ? EmbeddedSession : SignInSession;
    const session = await kind.start(config);
    if (!session) return;
    completeAddress();
    draw(<App session={session} />);
  } catch (error) {
    draw(<NotStarted error={error} retry={() => void start(draw)} />);
  }
}

const element = document.getElementById("page");
if (element) {
  const root = createRoot(element);
  const branding = loadBranding();
  const draw = async (node: ReactNode) =>
    root.render(<Frame branding={await branding}>{node}</Frame>);
  void start((node) => void draw(node));
}
