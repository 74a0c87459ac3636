import type { Sessions } from "@sessions/client";
import { defineFlow, step } from "@sessions/core";
import { Suspense } from "react";
import { z } from "zod";
import { SessionsProvider, useSession, useSessions, useSuspenseSession } from "../index.ts";

export const note = defineFlow({
  name: "note",
  version: 1,
  steps: { text: step({ input: z.object({ text: z.string() }) }) },
});

/** A page that a server renders first, with every way to a session. */
export function ServerPage({ sessions, id }: { readonly sessions: Sessions; readonly id: string }) {
  return (
    <SessionsProvider sessions={sessions}>
      <List />
      <Live id={id} />
      <Suspense fallback="Looking…">
        <Known id={id} />
      </Suspense>
    </SessionsProvider>
  );
}

/** What a server makes of it: what differs from run to run, an error's trace, is left out. */
export const serverHtml = "<p>0 true</p><p>loading text saved</p><!--$!--><template></template>Looking…<!--/$-->";

function List() {
  const { active, loading } = useSessions(note);
  return <p>{`${active.length} ${loading}`}</p>;
}

function Live({ id }: { readonly id: string }) {
  const { status, progress, sync } = useSession(note, id);
  return <p>{`${status} ${progress.current} ${sync.state}`}</p>;
}

function Known({ id }: { readonly id: string }) {
  const { status, startedAt } = useSuspenseSession(note, id);
  return <p>{`${status} ${startedAt === null ? "never" : "once"}`}</p>;
}
