import { createSessionsClient } from "@sessions/client";
import { SessionsProvider, useSession, useSessions } from "@sessions/react";
import { createRoot } from "react-dom/client";
import { element, user } from "./application.ts";
import { transfer } from "./flow.ts";

const sessions = createSessionsClient({ flows: [transfer], url: "/trpc", owner: user.id });

createRoot(element).render(
  <SessionsProvider sessions={sessions}>
    <Home />
  </SessionsProvider>,
);

function Home() {
  const { active, start } = useSessions(transfer);
  return (
    <>
      {active.map(({ id }) => (
        <Transfer key={id} id={id} />
      ))}
      <button onClick={start}>New transfer</button>
    </>
  );
}

function Transfer({ id }: { id: string }) {
  const { status, progress, sync } = useSession(transfer, id);
  if (status === "loading") return <p>Looking for it…</p>;
  return (
    <p>
      {progress.position} of {progress.total} · {sync.state}
    </p>
  );
}
