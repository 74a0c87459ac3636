import { TRPCClientError } from "@trpc/client";
import { expect, test, vi } from "vitest";
import { cancel } from "../../../core/src/testing/commands.ts";
import { AnswerError } from "./http/answer.ts";
import { submitElsewhere } from "../testing/begun-transfer.ts";
import { elsewhere, openTab, quick, someone } from "../testing/devices.ts";
import { ScriptedServer } from "../testing/scripted-server.ts";
import { recipient, transfer } from "../testing/transfer.ts";

test("S10: what another device does is on the screen, and revisions never run backwards", async () => {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  const phone = openTab(server, { owner, profile: "phone" });
  const laptop = openTab(server, { owner, profile: "laptop" });
  const there = phone.start(transfer);
  await there.submit("recipient", recipient);
  const old = server.snapshot(there.id);

  const here = laptop.open(transfer, there.id);
  const revisions: number[] = [];
  here.subscribe(() => revisions.push(here.state.revision));
  await there.draft("amount", { cents: 4 }).settled;
  await vi.waitFor(() => expect(here.state).toMatchObject({ revision: 3, drafts: { amount: { cents: 4 } } }));
  expect(here.state.device).toEqual(phone.device);

  // A late event, and a late reply to a push.
  server.publish(old);
  server.faults.beforePush = () => Promise.resolve(server.publish(old));
  await here.submit("amount", { cents: 5 });
  await vi.waitFor(() => expect(there.state).toMatchObject({ revision: 4, data: { amount: { cents: 5 } } }));
  expect(revisions).toEqual(revisions.toSorted((left, right) => left - right));
  expect(here.state).toMatchObject({ revision: 4, data: { recipient, amount: { cents: 5 } } });
});

test("S10: a broken stream is opened again with the revisions of now, and misses nothing", async () => {
  const server = new ScriptedServer([transfer]);
  const sessions = openTab(server, { owner: someone() });
  const session = sessions.start(transfer);
  await session.submit("recipient", recipient);

  server.faults.away = true;
  server.breakStreams();
  await vi.waitFor(() => expect(session.state.sync.state).toBe("offline"));
  submitElsewhere(server, session.id, "amount", { cents: 1 });
  server.faults.away = false;
  await vi.waitFor(() => expect(session.state).toMatchObject({ revision: 3, sync: { state: "saved" } }));
  // By then a call may have brought it.
  await vi.waitFor(() => expect(server.streams).toBe(1));
  expect([2, 3]).toContain(server.watches.at(-1)![session.id]);
});

test("S10: a stream that is being opened is not opened again when a call gets through before it", async () => {
  const server = new ScriptedServer([transfer]);
  const { transport } = server;
  let opened = 0;
  const subscribe: typeof transport.watch.subscribe = (request, observer) => {
    if (server.faults.away) return transport.watch.subscribe(request, observer);
    opened += 1;
    return { unsubscribe() {} };
  };
  server.faults.away = true;
  const sessions = openTab(server, { owner: someone(), transport: { ...transport, watch: { subscribe } } });
  const session = sessions.start(transfer);
  await vi.waitFor(() => expect(session.state.sync.state).toBe("offline"));
  server.faults.away = false;
  window.dispatchEvent(new Event("online"));
  await vi.waitFor(() => expect(session.state.sync.state).toBe("saved"));
  expect(opened).toBe(1);
});

test("S10: of more sessions than a stream can ask about, those that ended meanwhile are known to have", async () => {
  const server = new ScriptedServer([transfer]);
  const sessions = openTab(server, { owner: someone() });
  const all = Array.from({ length: 105 }, () => sessions.start(transfer));
  await vi.waitFor(() => expect(all.every(({ state }) => state.revision === 1)).toBe(true));
  server.faults.away = true;
  server.breakStreams();
  const [oldest] = all.toSorted((left, right) => (left.id < right.id ? -1 : 1));
  server.take(elsewhere(), cancel(oldest!.id));
  server.faults.away = false;
  await vi.waitFor(() => expect(oldest!.state.status).toBe("cancelled"));
  expect(server.watches.at(-1)).not.toHaveProperty(oldest!.id);
});

test("S10: a stream that says nothing for 45 seconds is opened again", async () => {
  const server = new ScriptedServer([transfer]);
  const silences: (() => void)[] = [];
  const patient = {
    ...quick,
    after(ms: number, run: () => void) {
      if (ms !== 45_000) return quick.after(ms, run);
      silences.push(run);
      return () => silences.splice(silences.indexOf(run), 1);
    },
  };
  openTab(server, { owner: someone() }, patient);
  await vi.waitFor(() => expect(server.streams).toBe(1));
  await vi.waitFor(() => expect(silences).toHaveLength(1));
  silences[0]!();
  await vi.waitFor(() => expect(server.watches).toHaveLength(2));
  expect(server.streams).toBe(1);
});

test("a server that speaks another protocol is reported, and its snapshots are left alone", async () => {
  const server = new ScriptedServer([transfer]);
  const sessions = openTab(server, { owner: someone() });
  const session = sessions.start(transfer);
  await vi.waitFor(() => expect(session.state.sync.state).toBe("saved"));
  const { revision } = session.state;
  server.publish(Object.assign(server.snapshot(session.id), { revision: 9 }), 2);
  expect(session.state).toMatchObject({ revision, sync: { state: "outdated" } });
});

test("S7: a deadline that passes while nobody hears the server shows as expired", async () => {
  const server = new ScriptedServer([transfer]);
  const sessions = openTab(server, { owner: someone() });
  const session = sessions.start(transfer);
  await vi.waitFor(() => expect(session.state.revision).toBe(1));
  // The server's clock counts, not this device's.
  server.skewMs = 73 * 3_600_000;
  server.publish();
  window.dispatchEvent(new Event("offline"));
  expect(session.state).toMatchObject({ status: "expired", revision: 1 });
  expect(session.state.endedAt).toBe(session.state.expiresAt);
});

test("S7: on a page that is opened offline no clock makes a session expired, and what is typed goes on", async () => {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  const before = openTab(server, { owner });
  const { id } = before.start(transfer);
  await vi.waitFor(() => expect(before.open(transfer, id).state.revision).toBe(1));
  before.close();
  server.faults.away = true;
  const newerOnServer = { ...quick, now: () => quick.now() + 40 * 86_400_000 };
  const again = openTab(server, { owner }, newerOnServer);
  await again.ready;
  const session = again.open(transfer, id);
  await vi.waitFor(() => expect(session.state.sync.state).toBe("offline"));
  expect(session.state).toMatchObject({ status: "active", provisional: false });
  const draft = session.draft("amount", { cents: 5 });
  const submission = session.submit("recipient", recipient);
  expect(session.state).toMatchObject({ status: "active", data: { recipient }, drafts: { amount: { cents: 5 } } });

  // Only the server says so.
  server.skewMs = 40 * 86_400_000;
  server.faults.away = false;
  dispatchEvent(new Event("online"));
  expect(await submission).toMatchObject({ refusal: { code: "expired" } });
  await draft.settled;
  await vi.waitFor(() => expect(session.state).toMatchObject({ status: "expired", provisional: false }));
  expect(session.state.shelved.map(({ kind, mine }) => [kind, mine])).toEqual([
    ["submit", recipient],
    ["draft", { cents: 5 }],
  ]);
});

test("S7: a session that is begun offline on a device whose clock is days behind is not expired", async () => {
  const server = new ScriptedServer([transfer]);
  const sessions = openTab(server, { owner: someone() });
  server.skewMs = 40 * 86_400_000;
  const known = sessions.start(transfer);
  await vi.waitFor(() => expect(known.state.revision).toBe(1));
  server.faults.away = true;
  server.breakStreams();
  const session = sessions.start(transfer);
  expect(session.state).toMatchObject({ status: "active", provisional: true });
});

test("an id that the server does not know is missing, and one that cannot be an id is not asked for", async () => {
  const server = new ScriptedServer([transfer]);
  const sessions = openTab(server, { owner: someone() });
  const unknown = sessions.open(transfer, quick.id());
  expect(unknown.state.status).toBe("loading");
  await vi.waitFor(() => expect(unknown.state.status).toBe("missing"));
  expect(await unknown.submit("recipient", recipient)).toEqual({ status: "refused", refusal: { code: "not_found" } });
  expect(sessions.open(transfer, "nonsense").state.status).toBe("missing");
});

test("S4: what is typed and submitted in a session before it is known to exist waits, and is not refused", async () => {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  const there = openTab(server, { owner, profile: "phone" }).start(transfer);
  await vi.waitFor(() => expect(there.state.sync.state).toBe("saved"));
  server.faults.away = true;
  const sessions = openTab(server, { owner, profile: "laptop" });
  const here = sessions.open(transfer, there.id);
  await sessions.ready;
  const draft = here.draft("amount", { cents: 5 });
  const submission = here.submit("recipient", recipient);
  expect(here.state.status).toBe("loading");

  server.faults.away = false;
  expect(await submission).toMatchObject({ status: "accepted" });
  expect(await draft.settled).toMatchObject({ status: "accepted" });
  expect(here.state).toMatchObject({ data: { recipient }, drafts: { amount: { cents: 5 } } });
});

test("a session that ended before this device heard of it is read from the server", async () => {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  const there = openTab(server, { owner, profile: "phone" }).start(transfer);
  await there.cancel();
  const here = openTab(server, { owner, profile: "laptop" }).open(transfer, there.id);
  await vi.waitFor(() => expect(here.state.status).toBe("cancelled"));
});

const refusedWith = (status: number) => TRPCClientError.from(new AnswerError({ status, url: "https://bank.test" }));
const failedInItself = TRPCClientError.from({
  error: { code: -32_603, message: "", data: { code: "INTERNAL_SERVER_ERROR", httpStatus: 500 } },
});

test.each([
  ["403", refusedWith(403)],
  ["413", refusedWith(413)],
  ["the server's own failure", failedInItself],
])("a session and a list that are refused with %s again and again say so, and recover", async (_name, error) => {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  const there = openTab(server, { owner, profile: "phone" }).start(transfer);
  await there.cancel();
  const { read, list } = server.transport;
  const refuse = <Query extends (...given: never[]) => unknown>(procedure: { query: Query }) =>
    vi.spyOn(procedure as { query: (...given: never[]) => unknown }, "query").mockRejectedValue(error);
  const refused = [refuse(read), refuse(list)];
  const sessions = openTab(server, { owner, profile: "laptop", onError: () => {} });
  const here = sessions.open(transfer, there.id);
  const listed = sessions.list(transfer);
  expect(here.state).toMatchObject({ status: "loading", sync: { state: "saved" } });
  await vi.waitFor(() => expect(here.state).toMatchObject({ status: "loading", sync: { state: "blocked" } }));
  await vi.waitFor(() => expect(listed.state).toMatchObject({ ended: [], blocked: true }));
  // Everything else goes on.
  expect(await sessions.start(transfer).submit("recipient", recipient)).toMatchObject({ status: "accepted" });

  for (const spy of refused) spy.mockRestore();
  await vi.waitFor(() => expect(here.state).toMatchObject({ status: "cancelled", sync: { state: "saved" } }));
  await vi.waitFor(() => expect(listed.state).toMatchObject({ ended: [{ id: there.id }], blocked: false }));
});
