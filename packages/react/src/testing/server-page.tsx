import type { SessionsClient } from "@sessions/client";
import { defineFlow, step } from "@sessions/core";
import { Suspense } from "react";
import { z } from "zod";
import { SessionsProvider, useSession, useSessions, useStartedSession, useStep, useSuspenseSession } from "../index.ts";
import { textOf } from "./text.ts";

export const note = defineFlow({
  name: "note",
  version: 1,
  steps: { text: step({ input: z.object({ text: z.string() }) }) },
});

/** A page that a server renders first. It uses every hook that gives a session. */
export function ServerPage({ sessions, id }: { readonly sessions: SessionsClient; readonly id: string }) {
  return (
    <SessionsProvider sessions={sessions}>
      <List />
      <Live id={id} />
      <Begun />
      <Form id={id} />
      <Suspense fallback="Looking…">
        <Known id={id} />
      </Suspense>
    </SessionsProvider>
  );
}

/** The HTML that a server makes of the page, without the trace of an error, which differs from run to run. */
export const serverHtml =
  '<p>0 true</p><p>loading text saved</p><p>not begun</p><input readOnly="" value=""/>' +
  "<!--$!--><template></template>Looking…<!--/$-->";

function List() {
  const { active, loading } = useSessions(note);
  return <p>{`${active.length} ${loading}`}</p>;
}

function Live({ id }: { readonly id: string }) {
  const { status, progress, sync } = useSession(note, id);
  return <p>{`${status} ${progress.current} ${sync.state}`}</p>;
}

function Begun() {
  return <p>{useStartedSession(note) === null ? "not begun" : "begun"}</p>;
}

function Form({ id }: { readonly id: string }) {
  return <input readOnly value={textOf(useStep(note, id, "text").values.text)} />;
}

function Known({ id }: { readonly id: string }) {
  const { status, startedAt } = useSuspenseSession(note, id);
  return <p>{`${status} ${startedAt === null ? "never" : "once"}`}</p>;
}
