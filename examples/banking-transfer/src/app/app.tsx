import { routeOf } from "../routes.ts";
import { HomePage } from "./home-page.tsx";
import { NotFound } from "./not-found.tsx";
import { usePath } from "./route.tsx";
import { SideBySidePage } from "./side-by-side-page.tsx";
import { SignInPage } from "./sign-in-page.tsx";
import { SignedIn, type DeviceNaming } from "./signed-in.tsx";
import { TransferPage } from "./transfer-page.tsx";
import { useTitle } from "./title.ts";
import { useVisit } from "./visit.ts";

/** Every page of the bank. */
export function App() {
  const { visit, ask, end } = useVisit();
  const path = usePath();

  switch (visit.kind) {
    case "asking":
      return null;
    case "unreachable":
      return <Unreachable />;
    case "nobody":
      return <SignInPage unasked={visit.unasked} onSignedIn={ask} />;
    case "someone":
      if (path === "/side-by-side") return <SideBySidePage user={visit.user} />;
      return (
        <SignedIn key={visit.user.id} user={visit.user} onDoubted={ask} onSignedOut={end}>
          {(device) => <Page path={path} device={device} />}
        </SignedIn>
      );
  }
}

function Page({ path, device }: { readonly path: string; readonly device: DeviceNaming }) {
  const route = routeOf(path);
  if (route?.page === "transfer") return <TransferPage key={route.id} id={route.id} wanted={route.step} />;
  if (route === null) return <NotFound title="There is no such page">Its address may be misspelt.</NotFound>;
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
