import { defineFlow, step } from "@sessions/core";
import { expect, test, vi } from "vitest";
import { z } from "zod";
import { cancel } from "../../../core/src/testing/commands.ts";
import { beginTransfer } from "../testing/begun-transfer.ts";
import { elsewhere, openTab, someone } from "../testing/devices.ts";
import { ScriptedServer } from "../testing/scripted-server.ts";
import { recipient, transfer } from "../testing/transfer.ts";

/** Another flow with a step of the same name. */
const visit = defineFlow({
  name: "visit",
  version: 1,
  steps: { recipient: step({ input: z.object({ name: z.string() }) }) },
});

const kindsOf = (server: ScriptedServer) => server.pushes.flatMap(({ commands }) => commands.map(({ kind }) => kind));

test("what the rules refuse settles at once, and the form keeps it as a draft", async () => {
  const { server, session } = beginTransfer();
  await vi.waitFor(() => expect(session.state.revision).toBe(1));
  const pushes = server.pushes.length;
  expect(await session.submit("amount", { cents: 1 })).toMatchObject({ refusal: { code: "step_unreachable" } });
  const invalid = { name: "", iban: "BE1" };
  expect(await session.submit("recipient", invalid)).toMatchObject({ refusal: { code: "invalid_input" } });
  expect(session.state.drafts).toEqual({ recipient: invalid, amount: { cents: 1 } });
  // Nothing was queued: what reaches the server are drafts.
  await vi.waitFor(() => expect(session.state.sync.state).toBe("saved"));
  expect(new Set(kindsOf(server).slice(pushes))).toEqual(new Set(["draft"]));
});

test("S9: a session that is opened as another flow's takes nothing", async () => {
  const server = new ScriptedServer([transfer, visit]);
  const sessions = openTab(server, { owner: someone(), flows: [transfer, visit] });
  const session = sessions.start(transfer);
  await vi.waitFor(() => expect(session.state.revision).toBe(1));
  const strange = sessions.open(visit, session.id);
  expect(await strange.submit("recipient", { name: "Eve" })).toMatchObject({ refusal: { code: "not_found" } });
  expect(await strange.draft("recipient", { name: "Eve" }).settled).toMatchObject({ refusal: { code: "not_found" } });
  expect(await strange.cancel()).toMatchObject({ refusal: { code: "not_found" } });
  expect(session.state).toMatchObject({ status: "active", revision: 1, drafts: {}, sync: { pending: 0 } });
});

test("S13: the guard asks whoever leaves while something is only in memory, and not otherwise", async () => {
  const { session, sessions } = beginTransfer();
  await session.draft("recipient", { name: "A" }).stored;
  const stop = sessions.guardUnload();
  const leaves = () => dispatchEvent(new Event("beforeunload", { cancelable: true }));
  await vi.waitFor(() => expect(leaves()).toBe(true));
  const { stored } = session.draft("recipient", { name: "Ad" });
  expect(leaves()).toBe(false);
  await stored;
  // The start's answer may be on its way to the disk too.
  await vi.waitFor(() => expect(leaves()).toBe(true));
  void session.draft("recipient", { name: "Ada" });
  stop();
  expect(leaves()).toBe(true);
});

test("cancelling ends the session and lets go of what is typed", async () => {
  const { session } = beginTransfer();
  await session.draft("recipient", { name: "A" }).stored;
  expect(await session.cancel()).toEqual({ status: "accepted", revision: expect.any(Number) });
  expect(session.state).toMatchObject({ status: "cancelled", drafts: {}, shelved: [], sync: { pending: 0 } });
  expect(await session.submit("recipient", recipient)).toMatchObject({ refusal: { code: "ended" } });
});

test("S4: what is typed is there again when the session could not be cancelled, or ended elsewhere before that", async () => {
  const { server, session } = beginTransfer();
  server.faults.refuse = ({ kind }) => (kind === "cancel" ? { code: "failed" } : undefined);
  await session.draft("amount", { cents: 4 }).stored;
  await session.cancel();
  expect(session.state.drafts.amount).toEqual({ cents: 4 });
  server.faults.refuse = () => undefined;

  server.faults.away = true;
  server.breakStreams();
  await session.draft("amount", { cents: 5 }).stored;
  const cancellation = session.cancel();
  await cancellation.stored;
  expect(session.state).toMatchObject({ status: "cancelled", drafts: {} });
  server.take(elsewhere(), cancel(session.id));
  server.faults.away = false;
  expect(await cancellation).toMatchObject({ status: "superseded" });
  await vi.waitFor(() =>
    expect(session.state.shelved).toContainEqual(expect.objectContaining({ kind: "draft", mine: { cents: 5 } })),
  );
});
