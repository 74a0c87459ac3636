"use client";

import { createSessionsClient, type SessionsClient } from "@sessions/client";
import { SessionsProvider, useSession, useSessions } from "@sessions/react";
import { repair } from "../lib/flow.ts";

const opened = new Map<string, SessionsClient>();

/** One for each owner in the browser. On the server it opens nothing and keeps nothing between requests. */
function sessionsOf(owner: string): SessionsClient {
  const sessions = opened.get(owner) ?? createSessionsClient({ flows: [repair], url: "/trpc", owner });
  if (typeof document !== "undefined") opened.set(owner, sessions);
  return sessions;
}

export function Repairs({ owner }: { owner: string }) {
  return (
    <SessionsProvider sessions={sessionsOf(owner)}>
      <List />
    </SessionsProvider>
  );
}

function List() {
  const { active, loading, start } = useSessions(repair);
  return (
    <>
      {loading && <p>Looking for what you have begun…</p>}
      {active.map(({ id }) => (
        <Repair key={id} id={id} />
      ))}
      <button onClick={start}>New repair</button>
    </>
  );
}

function Repair({ id }: { id: string }) {
  const { status, progress, sync } = useSession(repair, id);
  return (
    <p>
      {status}, step {progress.position} of {progress.total}, {sync.state}
    </p>
  );
}
