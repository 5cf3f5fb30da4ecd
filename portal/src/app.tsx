// Shows the log to a person who is signed in, and otherwise the button to sign in.

import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { useMemo, useSyncExternalStore } from "react";
import { ApiContext } from "./api/queries";
import { Failure, connect } from "./api/client";
import { Page } from "./page";
import type { Session } from "./session/session";
import { SignedOut } from "./states";

/** How often a request that may still succeed is sent again before it is shown as failed. */
const RETRIES = 2;

function queryClient(session: Session): QueryClient {
  const onError = (error: Error) => {
    if (error instanceof Failure && error.kind === "signed_out") session.end();
  };
  return new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      queries: {
        staleTime: Infinity,
        refetchOnWindowFocus: false,
        retry: (count, error) => error instanceof Failure && error.passes && count < RETRIES,
      },
    },
  });
}

export function App({ session }: { session: Session }) {
  const person = useSyncExternalStore(session.subscribe, () => session.person);
  const absence = useSyncExternalStore(session.subscribe, () => session.absence);
  const failure = useSyncExternalStore(session.subscribe, () => session.failure);
  // Each person gets a new client, so that nothing that was read stays after a session.
  const client = useMemo(() => queryClient(session), [session, person]);
  const connected = useMemo(() => connect(session), [session]);
  if (!person)
    return <SignedOut absence={absence} failure={failure} signIn={() => void session.signIn()} />;
  return (
    <QueryClientProvider client={client}>
      <ApiContext value={connected}>
        <Page session={session} />
      </ApiContext>
    </QueryClientProvider>
  );
}
