import { SessionsProvider } from "@sessions/react";
import { useState } from "react";
import { navigate } from "../elements/navigation.tsx";
import { TransferPage } from "../pages/transfer-page.tsx";
import { useSessionsOf } from "../sessions-of.ts";
import { routeOf } from "../../routes.ts";
import { signInClient } from "../person/sign-in-client.ts";

/** The only page of a guest: the transfer that somebody handed over to this computer. */
export function GuestPage(props: { readonly owner: string; readonly session: string; readonly path: string }) {
  const { owner, session, path } = props;
  const sessions = useSessionsOf(owner, "a guest’s computer", true);
  const [unanswered, setUnanswered] = useState(false);
  if (!sessions) return null;

  async function leave() {
    try {
      await signInClient.signOut({ sessions: sessions!, discardUnsent: true });
      navigate("/", { replace: true });
    } catch {
      setUnanswered(true);
    }
  }

  const route = routeOf(path);
  const wanted = route?.page === "transfer" && route.id === session ? route.step : undefined;
  return (
    <SessionsProvider sessions={sessions}>
      <header className="top">
        <span className="brand">Harbour Bank</span>
        <button type="button" className="button quiet" onClick={() => void leave()}>
          Leave
        </button>
      </header>
      <p className="guest-notice" role="status">
        {unanswered
          ? "The bank does not answer: this computer still takes part. Try again."
          : "This computer takes part in one transfer. The money is sent from the phone."}
      </p>
      <TransferPage user={null} id={session} wanted={wanted} />
    </SessionsProvider>
  );
}
