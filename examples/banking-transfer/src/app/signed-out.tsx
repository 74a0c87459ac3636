import type { CurrentSessions } from "@sessions/client/sign-in";
import { SessionsProvider, useSession } from "@sessions/react";
import { useCurrentSessions } from "@sessions/react/sign-in";
import { useState } from "react";
import { transfer } from "../flow.ts";
import { routeOf, type Route } from "../routes.ts";
import { navigate } from "./elements/navigation.tsx";
import { SignInPage } from "./pages/sign-in-page.tsx";
import { TransferPage } from "./pages/transfer-page.tsx";
import { ReviewedSteps } from "./steps/reviewed-steps.tsx";
import { currentVisit, visitorsSessions } from "./person/visit.ts";

type TransferRoute = Extract<Route, { readonly page: "transfer" }>;

/** What the bank shows to somebody who is not signed in: the sign-in, or the transfer that they have begun here. */
export function SignedOut(props: { readonly path: string; readonly notice: string | null }) {
  const { path, notice } = props;
  const [visit, setVisit] = useState(currentVisit);
  const route = routeOf(path);

  async function begin() {
    const sessions = await visitorsSessions();
    navigate(`/transfers/${sessions.start(transfer).id}`);
    setVisit(currentVisit());
  }
  const signIn = <SignInPage notice={notice} begin={() => void begin()} />;
  if (visit === null || route?.page !== "transfer") return signIn;
  return (
    <VisitorsSessions visit={visit}>
      <VisitorsTransfer key={route.id} route={route}>
        {signIn}
      </VisitorsTransfer>
    </VisitorsSessions>
  );
}

function VisitorsSessions(props: { readonly visit: CurrentSessions; readonly children: React.ReactNode }) {
  const { sessions, isVisitor } = useCurrentSessions(props.visit);
  if (!sessions || !isVisitor) return null;
  return <SessionsProvider sessions={sessions}>{props.children}</SessionsProvider>;
}

/** The transfer, up to the review. There the bank asks who confirms it. `children`: the sign-in, for any other transfer. */
function VisitorsTransfer(props: { readonly route: TransferRoute; readonly children: React.ReactNode }) {
  const { id, step } = props.route;
  const state = useSession(transfer, id);
  if (state.status === "loading") return null;
  if (state.status !== "active") return props.children;
  if (state.progress.current === "review" && (step === undefined || step === "review")) {
    return (
      <SignInPage notice="Sign in to confirm this transfer.">
        <ReviewedSteps state={state} />
      </SignInPage>
    );
  }
  return <TransferPage user={{ id: "", name: "", browser: "" }} id={id} wanted={step} />;
}
