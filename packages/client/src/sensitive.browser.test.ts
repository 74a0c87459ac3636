import { defineFlow, seenBy, step, type Command } from "@sessions/core";
import { expect, test, vi } from "vitest";
import { z } from "zod";
import { elsewhere, openTab, quick, someone } from "./testing/devices.ts";
import { ScriptedServer } from "./testing/scripted-server.ts";

const payment = defineFlow({
  name: "payment",
  version: 1,
  steps: {
    amount: step({ input: z.object({ note: z.string() }) }),
    card: step({ input: z.object({ number: z.string().min(4) }), dependsOn: ["amount"], sensitive: true }),
    review: step({ input: z.object({ accepted: z.literal(true) }), confirm: true }),
  },
});

/** Everything that this page gives the browser to keep. */
function keptByBrowser() {
  const written: unknown[] = [];
  const put = IDBObjectStore.prototype.put;
  vi.spyOn(IDBObjectStore.prototype, "put").mockImplementation(function (this: IDBObjectStore, value, key) {
    written.push(value);
    return put.call(this, value, key);
  });
  return () => JSON.stringify([written, Object.entries(localStorage), Object.entries(sessionStorage), document.cookie]);
}

test("S11: what is typed and submitted in a sensitive step is never given to the browser to keep, whatever happens to it", async () => {
  const kept = keptByBrowser();
  const server = new ScriptedServer([payment]);
  const owner = someone();
  const session = openTab(server, { owner, flows: [payment] }).start(payment);
  await session.submit("amount", { note: "of-another-step" });

  const draft = session.draft("card", { number: "SECRET-typed" });
  await draft.stored;
  expect(await draft.settled).toMatchObject({ outcome: "refused", refusal: { code: "invalid_input", step: "card" } });
  expect(await session.submit("card", { number: "S!" })).toMatchObject({ refusal: { code: "invalid_input" } });

  server.faults.away = true;
  server.breakStreams();
  expect(await session.submit("card", { number: "SECRET-offline" })).toMatchObject({ refusal: { code: "unsettled" } });
  server.faults.away = false;
  server.faults.refuse = ({ kind }) =>
    kind === "submit" ? { code: "rejected", step: "card", reason: "No." } : undefined;
  expect(await session.submit("card", { number: "SECRET-rejected" })).toMatchObject({ refusal: { code: "rejected" } });
  server.faults.refuse = () => undefined;

  server.faults.dropReplies = 1;
  const submission = session.submit("card", { number: "SECRET-accepted" });
  await submission.stored;
  expect(session.state).toMatchObject({ confirming: "card", sync: { pending: 1 } });
  expect(await submission).toMatchObject({ outcome: "accepted", revision: 3 });
  expect(session.state).toMatchObject({
    data: { amount: { note: "of-another-step" }, card: null },
    progress: { current: "review" },
    drafts: {},
    shelved: [],
    sync: { pending: 0 },
  });

  // Another device enters it anew, which this one has not heard of.
  server.faults.streamsAway = true;
  server.breakStreams();
  const seen = seenBy(payment, server.snapshot(session.id), "card");
  const command = { kind: "submit", id: quick.id(), session: session.id, version: 1, step: "card", seen };
  server.take(elsewhere(), { ...command, input: { number: "SECRET-elsewhere" } } as Command);
  expect(await session.submit("card", { number: "SECRET-late" })).toMatchObject({
    outcome: "refused",
    refusal: { code: "conflict", theirs: null },
  });
  server.faults.streamsAway = false;

  const reloaded = openTab(server, { owner, flows: [payment] }).open(payment, session.id);
  await vi.waitFor(() => expect(reloaded.state).toMatchObject({ revision: 4, progress: { current: "review" } }));
  // What it depends on is changed: it is asked for again, and nothing of it is offered.
  await reloaded.submit("amount", { note: "changed" });
  expect(reloaded.state).toMatchObject({ progress: { current: "card" }, drafts: {} });
  expect(await reloaded.submit("card", { number: "SECRET-again" })).toMatchObject({ outcome: "accepted" });
  expect(await reloaded.submit("review", { accepted: true })).toMatchObject({ outcome: "accepted" });
  expect(reloaded.state).toMatchObject({ status: "completed", data: { card: null } });

  // Else nothing was looked at.
  expect(kept()).toContain("of-another-step");
  expect(kept()).not.toContain("SECRET");
  expect(JSON.stringify([session.state, reloaded.state])).not.toContain("SECRET");
});
