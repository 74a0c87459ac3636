import { TRPCClientError } from "@trpc/client";
import { expect, test, vi } from "vitest";
import { cancel } from "../../../../core/src/testing/commands.ts";
import { AnswerError } from "../http/answer.ts";
import { elsewhere, openTab, quick, someone } from "../../testing/devices.ts";
import { answers, notes, openProxied } from "../../testing/proxied-sessions.ts";
import { ScriptedServer } from "../../testing/scripted-server.ts";
import { recipient, transfer } from "../../testing/transfer.ts";

const weightOf = (request: object) => new TextEncoder().encode(JSON.stringify(request)).length;

test("S26: a push is counted in bytes, and a large step's fields travel apart", async () => {
  const { server, sessions } = openProxied({ maxPushBytes: 30_000 });
  server.faults.between = (request) => void (weightOf(request) > 30_000 && answers({ status: 413 }));
  const session = sessions.start(notes);
  // 12,000 characters, 36,000 bytes.
  const fields = { a: "漢".repeat(4_000), b: "漢".repeat(4_000), c: "漢".repeat(4_000) };
  expect(await session.draft("text", fields).settled).toMatchObject({ status: "accepted" });
  expect(Object.keys(server.snapshot(session.id).drafts["text"]!).toSorted()).toEqual(["a", "b", "c"]);
  expect(session.state).toMatchObject({ shelved: [], sync: { state: "saved" } });
});

test("S26: a smaller limit than was expected is found, and one change beyond it is told as too large", async () => {
  const { server, sessions } = openProxied();
  server.faults.between = (request) => void (weightOf(request) > 20_000 && answers({ status: 413 }));
  const fitting = Array.from({ length: 6 }, () => sessions.start(notes));
  for (const session of fitting) session.draft("text", { a: "x".repeat(15_000) });
  const large = sessions.start(notes);
  const refused = large.draft("text", { a: "y".repeat(30_000) });
  expect(await refused.settled).toMatchObject({ status: "refused", refusal: { code: "too_large" } });
  expect(large.state.shelved).toMatchObject([{ kind: "draft", mine: { a: "y".repeat(30_000) } }]);
  await vi.waitFor(() => expect(fitting.map(({ state }) => state.sync.state)).toEqual(Array(6).fill("saved")));
});

test.each([414, 431])(
  "S26: where an address that names many sessions is refused with %d, fewer are named, and none is missed",
  async (status) => {
    const { server, sessions } = openProxied();
    const all = Array.from({ length: 40 }, () => sessions.start(transfer));
    await vi.waitFor(() => expect(all.every(({ state }) => state.sync.state === "saved")).toBe(true));
    // As a proxy with a limit of 1,200 bytes for what is asked.
    const { changes, watch } = server.transport;
    const error = TRPCClientError.from(new AnswerError({ status, url: "https://bank.test/trpc" }));
    const isLong = (known: object) => JSON.stringify(known).length > 1_200;
    const [asked, watched] = [changes.query, watch.subscribe];
    const query = vi.spyOn(changes as { query: typeof changes.query }, "query");
    query.mockImplementation((request) => (isLong(request.known) ? Promise.reject(error) : asked(request)));
    const subscribe = vi.spyOn(watch as { subscribe: typeof watch.subscribe }, "subscribe");
    subscribe.mockImplementation((request, observer) => {
      if (!isLong(request.known)) return watched(request, observer);
      queueMicrotask(() => observer.onError(error));
      return { unsubscribe: () => {} };
    });
    // Meanwhile the oldest, which is not named then, ends elsewhere.
    server.breakStreams();
    server.take(elsewhere(), cancel(all[0]!.id));
    await vi.waitFor(() => expect(server.streams).toBe(1), { timeout: 5_000 });
    expect(Object.keys(server.watches.at(-1)!).length).toBeGreaterThan(5);
    expect(server.watches.at(-1)).not.toHaveProperty(all[0]!.id);
    await vi.waitFor(() => expect(all[0]!.state.status).toBe("cancelled"));
    expect(all[1]!.state.sync.state).toBe("saved");
  },
);

test("S26: what fails in one session for ever is tried behind everything else", async () => {
  const { server, sessions } = openProxied();
  const failing = sessions.start(notes);
  server.faults.failOn = (command) => command.session === failing.id;
  await vi.waitFor(() => expect(server.failed).toBeGreaterThan(1));
  const session = sessions.start(transfer);
  expect(await session.submit("recipient", recipient)).toMatchObject({ status: "accepted" });
  expect(failing.state).toMatchObject({ shelved: [], sync: { state: "saving" } });
  server.faults.failOn = () => false;
  await vi.waitFor(() => expect(failing.state.sync.state).toBe("saved"), { timeout: 5_000 });
});

test("S26: a server that asks to be left alone is left alone for that long", async () => {
  const server = new ScriptedServer([transfer]);
  const waits: (() => void)[] = [];
  const patient = {
    ...quick,
    after(ms: number, run: () => void) {
      if (ms !== 7_000) return quick.after(ms, run);
      waits.push(run);
      return () => {};
    },
  };
  const session = openTab(server, { owner: someone(), onError: () => {} }, patient).start(transfer);
  let pushes = 0;
  server.faults.between = () => {
    pushes += 1;
    answers({ status: 429, retryAfterMs: 7_000 });
  };
  const submission = session.submit("recipient", recipient);
  await vi.waitFor(() => expect(waits).toHaveLength(1));
  await submission.stored;
  expect(pushes).toBe(1);
  server.faults.between = () => {};
  waits[0]!();
  expect(await submission).toMatchObject({ status: "accepted" });

  // While somebody waits for it, too.
  await session.submit("amount", { cents: 1 });
  server.faults.between = () => answers({ status: 429, retryAfterMs: 7_000 });
  const confirmed = session.submit("review", { accepted: true });
  await vi.waitFor(() => expect(waits).toHaveLength(2));
  server.faults.between = () => {};
  waits[1]!();
  expect(await confirmed).toMatchObject({ status: "accepted" });
});

test("S26: a wish to be left alone that comes with one session's changes holds up no other for ever", async () => {
  let aheadMs = 0;
  const hasty = {
    ...quick,
    now: () => quick.now() + aheadMs,
    after(ms: number, run: () => void) {
      if (ms <= 5_000 || ms > 7_000) return quick.after(ms, run);
      return quick.after(0, () => {
        aheadMs += ms;
        run();
      });
    },
  };
  const server = new ScriptedServer([transfer]);
  const sessions = openTab(server, { owner: someone(), onError: () => {} }, hasty);
  const [refused, limited, other] = [sessions.start(transfer), sessions.start(transfer), sessions.start(transfer)];
  for (const session of [refused, limited, other]) await session.submit("recipient", recipient);
  server.faults.between = ({ commands }) => {
    for (const { session } of commands) {
      if (session === refused.id) answers({ status: 403, retryAfterMs: 7_000 });
      if (session === limited.id) answers({ status: 503, retryAfterMs: 7_000 });
    }
  };
  const [first] = [refused, limited].map((session) => session.submit("amount", { cents: 5 }));
  expect(await other.submit("amount", { cents: 5 })).toMatchObject({ status: "accepted" });
  expect(await first).toMatchObject({ refusal: { code: "blocked", status: 403 } });
  expect(limited.state).toMatchObject({ shelved: [], sync: { state: "saving" } });
});
