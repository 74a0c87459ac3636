import { defineFlow, step } from "@sessions/core";
import { expect, test, vi } from "vitest";
import { z } from "zod";
import { beginTransfer, reachServer } from "../../testing/begun-transfer.ts";
import { openTab, quick, someone } from "../../testing/devices.ts";
import { ScriptedServer } from "../../testing/scripted-server.ts";
import { recipient, transfer } from "../../testing/transfer.ts";

const kindsOf = (server: ScriptedServer) => server.pushes.flatMap(({ commands }) => commands.map(({ kind }) => kind));

test("what was done offline drains in order once there is a connection", async () => {
  const { server, session } = beginTransfer();
  server.faults.away = true;
  const first = session.submit("recipient", recipient);
  const second = session.submit("amount", { cents: 1 });
  const third = session.submit("amount", { cents: 2 });
  await third.stored;
  await vi.waitFor(() => expect(session.state.sync).toMatchObject({ state: "offline", pending: 4 }));
  expect(session.state.data).toEqual({ recipient, amount: { cents: 2 } });

  server.faults.away = false;
  expect(await Promise.all([first, second, third])).toEqual(
    [2, 3, 4].map((revision) => ({ status: "accepted", revision })),
  );
  expect(kindsOf(server)).toEqual(["start", "submit", "submit", "submit"]);
  expect(session.state).toMatchObject({ revision: 4, data: { recipient, amount: { cents: 2 } } });
});

test("S2: a reply lost after the commit settles as accepted on the retry, under the same id", async () => {
  const { server, session } = beginTransfer();
  await vi.waitFor(() => expect(session.state.revision).toBe(1));
  server.faults.dropReplies = 1;
  const submission = session.submit("recipient", recipient);
  expect(await submission).toEqual({ status: "accepted", revision: 2 });
  const ids = server.pushes.flatMap(({ commands }) => commands.map(({ id }) => id));
  expect(ids.slice(1)).toEqual([submission.id, submission.id]);
  expect(server.snapshot(session.id).revision).toBe(2);
});

test("S2: what took effect in a session for which the reply had no room is sent again, and the screen does not go back", async () => {
  const { server, sessions, session } = beginTransfer();
  const other = sessions.start(transfer);
  await vi.waitFor(() => expect([session, other].map(({ state }) => state.revision)).toEqual([1, 1]));
  server.faults.away = true;
  const submissions = [session, other].map((each) => each.submit("recipient", recipient));
  other.draft("amount", { cents: 5 });
  const seen: (string | undefined)[] = [];
  other.subscribe(() => seen.push(JSON.stringify(other.state.data.recipient)));
  await Promise.all(submissions.map(({ stored }) => stored));
  server.faults.room = 1;
  server.faults.away = false;
  server.faults.streamsAway = true;
  server.breakStreams();
  expect(await Promise.all(submissions)).toEqual([2, 2].map((revision) => ({ status: "accepted", revision })));
  expect(new Set(seen)).toEqual(new Set([JSON.stringify(recipient)]));
  await vi.waitFor(() => expect(other.state.sync.state).toBe("saved"));
  expect(other.state).toMatchObject({ revision: 3, data: { recipient } });
  const sent = server.pushes.flatMap(({ commands }) => commands.map(({ id }) => id));
  expect(sent.filter((id) => submissions.some((each) => each.id === id)).length).toBe(3);
});

test("S12: what needs another version of the flow stays pending, with everything queued behind it", async () => {
  const { server, session } = beginTransfer();
  await vi.waitFor(() => expect(session.state.revision).toBe(1));
  server.faults.refuse = ({ version }) => ({ code: "outdated", given: version, current: 2 });
  await session.submit("recipient", recipient).stored;
  await session.submit("amount", { cents: 1 }).stored;
  await vi.waitFor(() => expect(session.state.sync).toEqual({ state: "outdated", pending: 2, storage: "disk" }));
  expect(session.state).toMatchObject({ data: { recipient, amount: { cents: 1 } }, shelved: [] });
});

test("drafts are coalesced: a person who types is one push after the pause", async () => {
  const { server, session } = beginTransfer();
  await vi.waitFor(() => expect(session.state.sync.state).toBe("saved"));
  const pushes = server.pushes.length;
  for (const name of ["A", "Ad", "Ada"]) session.draft("recipient", { name });
  const last = session.draft("recipient", { iban: "BE" });
  expect(session.state.drafts.recipient).toEqual({ name: "Ada", iban: "BE" });
  expect(await last.settled).toMatchObject({ status: "accepted" });
  expect(server.pushes.length - pushes).toBe(1);
  expect(server.snapshot(session.id).drafts["recipient"]).toMatchObject({
    name: { value: "Ada" },
    iban: { value: "BE" },
  });
});

test("a submission does not take along what is still being typed in another step", async () => {
  const { server, session } = beginTransfer();
  await vi.waitFor(() => expect(session.state.sync.state).toBe("saved"));
  const pushes = server.pushes.length;
  const draft = session.draft("amount", { cents: 1 });
  await session.submit("recipient", recipient);
  expect(kindsOf(server).slice(pushes)).toEqual(["submit"]);
  await draft.settled;
  expect(kindsOf(server).slice(pushes)).toEqual(["submit", "draft"]);
});

test("a page that is hidden sends its drafts at once", async () => {
  const { server, session } = beginTransfer();
  await vi.waitFor(() => expect(session.state.sync.state).toBe("saved"));
  const pause = vi.spyOn(quick, "after").mockReturnValue(() => {});
  await session.draft("recipient", { name: "Ada" }).stored;
  vi.spyOn(document, "hidden", "get").mockReturnValue(true);
  document.dispatchEvent(new Event("visibilitychange"));
  await vi.waitFor(() => expect(server.snapshot(session.id).drafts["recipient"]).toBeDefined());
  expect(pause).toHaveBeenCalled();
});

test("S4: a command that the server fails on does not hold up the other sessions", async () => {
  const server = new ScriptedServer([transfer]);
  const sessions = openTab(server, { owner: someone() });
  const [poisoned, other] = [sessions.start(transfer), sessions.start(transfer)];
  await vi.waitFor(() => expect([poisoned.state.revision, other.state.revision]).toEqual([1, 1]));
  server.faults.failOn = ({ session, kind }) => session === poisoned.id && kind === "submit";
  const stuck = poisoned.submit("recipient", recipient);
  const free = [other.submit("recipient", recipient), other.submit("amount", { cents: 1 })];
  expect(await Promise.all(free)).toMatchObject([{ status: "accepted" }, { status: "accepted" }]);
  expect(poisoned.state.sync.pending).toBe(1);

  server.faults.failOn = () => false;
  expect(await stuck).toMatchObject({ status: "accepted" });
});

test("a busy server is asked again, and nothing is shelved", async () => {
  const server = new ScriptedServer([transfer]);
  const sessions = openTab(server, { owner: someone() });
  let busy = true;
  server.faults.refuse = ({ kind }) => {
    if (kind !== "submit" || !busy) return undefined;
    busy = false;
    return { code: "busy", retryAfterMs: 20 };
  };
  const session = sessions.start(transfer);
  expect(await session.submit("recipient", recipient)).toMatchObject({ status: "accepted" });
  expect(session.state.shelved).toEqual([]);
});

test("S4: what a flow's own code throws holds up neither the other sessions nor what they show", async () => {
  let broken = false;
  const fragile = defineFlow({
    name: "fragile",
    version: 1,
    steps: {
      note: step({
        input: z.object({ text: z.string() }).refine(() => {
          if (broken) throw new Error("A bug of the application's.");
          return true;
        }),
      }),
    },
  });
  const server = new ScriptedServer([transfer, fragile]);
  const sessions = openTab(server, { owner: someone(), flows: [fragile, transfer] });
  server.faults.away = true;
  server.faults.refuse = (command) =>
    command.kind === "submit" && command.step === "note" ? { code: "failed" } : undefined;
  const poisoned = sessions.start(fragile);
  const healthy = sessions.start(transfer);
  await poisoned.submit("note", { text: "x" }).stored;
  const submission = healthy.submit("recipient", recipient);
  await submission.stored;

  const reported: unknown[] = [];
  vi.stubGlobal("queueMicrotask", (run: () => void) =>
    Promise.resolve()
      .then(run)
      .catch((error) => reported.push(error)),
  );
  broken = true;
  server.faults.away = false;
  expect(await submission).toMatchObject({ status: "accepted" });
  await vi.waitFor(() => expect(healthy.state.sync).toMatchObject({ state: "saved", pending: 0 }));
  expect(poisoned.state).toMatchObject({ data: { note: { text: "x" } }, sync: { pending: 2 } });
  // Its page hears of it.
  expect(reported).toContainEqual(
    expect.objectContaining({ code: "flow_invalid", cause: new Error("A bug of the application's.") }),
  );
  broken = false;
  server.faults.refuse = () => undefined;
  dispatchEvent(new Event("online"));
  await vi.waitFor(() => expect(poisoned.state.status).toBe("completed"));
});

test("S4: a draft that the server fails on does not hold up its session's commands", async () => {
  const { server, session } = beginTransfer();
  await reachServer(session);
  server.faults.failOn = ({ kind }) => kind === "draft";
  await session.draft("amount", { cents: 1 }).stored;
  await vi.waitFor(() => expect(server.failed).toBeGreaterThan(0));
  expect(session.state.sync.state).toBe("saving");
  expect(await session.submit("recipient", recipient)).toMatchObject({ status: "accepted" });
  server.faults.failOn = () => false;
  await vi.waitFor(() => expect(server.snapshot(session.id).drafts["amount"]).toBeDefined(), { timeout: 5_000 });
});

test("S2: of a long queue every submission is heard of, in a tab that does not push too", async () => {
  const { server, owner, session: first } = beginTransfer();
  await first.submit("recipient", recipient);
  const follower = openTab(server, { owner });
  await follower.ready;
  server.faults.away = true;
  server.breakStreams();
  const session = follower.open(transfer, first.id);
  const all = Array.from({ length: 250 }, (_, index) => session.submit("amount", { cents: index + 1 }));
  await Promise.all(all.map(({ stored }) => stored));
  server.faults.away = false;
  const outcomes = await Promise.all(all.map(({ settled }) => settled));
  expect(outcomes.filter(({ status }) => status === "accepted")).toHaveLength(250);
});
