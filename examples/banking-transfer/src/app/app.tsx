import { HomePage } from "./home-page.tsx";
import { usePath } from "./route.tsx";
import { SideBySidePage } from "./side-by-side-page.tsx";
import { SignInPage } from "./sign-in-page.tsx";
import { SignedIn } from "./signed-in.tsx";
import { TransferPage } from "./transfer-page.tsx";
import { useVisit } from "./visit.ts";

/** Every page of the bank. */
export function App() {
  const { visit, ask, end } = useVisit();
  const path = usePath();

  switch (visit.kind) {
    case "asking":
      return null;
    case "unreachable":
      return (
        <main className="page notice-page">
          <h1>The bank does not answer</h1>
          <p role="status">Trying again every few seconds…</p>
        </main>
      );
    case "nobody":
      return <SignInPage unasked={visit.unasked} onSignedIn={ask} />;
    case "someone":
      if (path === "/side-by-side") return <SideBySidePage user={visit.user} />;
      return (
        <SignedIn key={visit.user.id} user={visit.user} onDoubted={ask} onSignedOut={end}>
          <Page path={path} />
        </SignedIn>
      );
  }
}

function Page({ path }: { readonly path: string }) {
  const [, id, step] = /^\/transfers\/([\w-]+)(?:\/(\w+))?$/.exec(path) ?? [];
  return id ? <TransferPage key={id} id={id} wanted={step} /> : <HomePage />;
}
