import { useState } from "react";
import { routeOf } from "../routes.ts";
import { ApprovePage } from "./hand-off/approve-page.tsx";
import { HandOffRequestPage } from "./hand-off/hand-off-request-page.tsx";
import { GuestPage } from "./hand-off/guest-page.tsx";
import { LettersPage } from "./hand-off/letters-page.tsx";
import { HomePage } from "./pages/home-page.tsx";
import { NotFound } from "./pages/not-found.tsx";
import { usePath } from "./elements/navigation.tsx";
import { SideBySidePage } from "./pages/side-by-side-page.tsx";
import { SignInsPage } from "./pages/sign-ins-page.tsx";
import { SignedOut } from "./signed-out.tsx";
import { SignedIn } from "./signed-in.tsx";
import { TransferPage } from "./pages/transfer-page.tsx";
import { useTitle } from "./elements/title.ts";
import { useCurrentUser, type User } from "./person/current-user.ts";
import type { DeviceNaming } from "./person/device-name.ts";

/** Every page of the bank. */
export function App() {
  const { current, signedOut } = useCurrentUser();
  const path = usePath();
  // Somebody was in on this page, and is told why they are not any more. A page that is opened later shows a code.
  const [wasIn, setWasIn] = useState(false);
  if ((current.kind === "guest" || current.kind === "signed_in") && !wasIn) setWasIn(true);

  switch (current.kind) {
    case "loading":
      return null;
    case "unreachable":
      return <Unreachable />;
    case "signed_out":
      if (path === "/hand-off" && !location.hash && !(wasIn && current.notice)) {
        return <HandOffRequestPage notice={current.notice} />;
      }
      return (
        <SignedOut
          path={path}
          notice={current.notice ?? (path === "/hand-off" ? "Sign in to let the computer in." : null)}
        />
      );
    case "guest":
      return <GuestPage owner={current.owner} session={current.session} path={path} />;
    case "signed_in":
      if (path === "/side-by-side") return <SideBySidePage user={current.user} />;
      return (
        <SignedIn key={current.user.id} user={current.user} onSignedOut={signedOut}>
          {(device) => <Page path={path} device={device} user={current.user} />}
        </SignedIn>
      );
  }
}

function Page(props: { readonly path: string; readonly device: DeviceNaming; readonly user: User }) {
  const { path, device, user } = props;
  const route = routeOf(path);
  if (route?.page === "transfer") return <TransferPage key={route.id} user={user} id={route.id} wanted={route.step} />;
  if (route === null) return <NotFound title="There is no such page">Its address may be misspelt.</NotFound>;
  if (route.page === "sign-ins") return <SignInsPage />;
  if (route.page === "hand-off") {
    const code = location.hash.slice(1);
    return code === "" ? <LettersPage /> : <ApprovePage key={code} user={user} code={code} />;
  }
  return <HomePage device={device} />;
}

function Unreachable() {
  useTitle("The bank does not answer");
  return (
    <main className="page notice-page">
      <h1>The bank does not answer</h1>
      <p role="status">Trying again every few seconds…</p>
    </main>
  );
}
