import { defineFlow, step } from "@sessions/core";
import { TRPCClientError } from "@trpc/client";
import { expect, test, vi } from "vitest";
import { z } from "zod";
import { cancel } from "../../../../core/src/testing/commands.ts";
import { AnswerError, type Answer } from "../http/answer.ts";
import { elsewhere, openTab, quick, someone } from "../../testing/devices.ts";
import { ScriptedServer } from "../../testing/scripted-server.ts";
import { recipient, transfer } from "../../testing/transfer.ts";
import type { SessionTransport } from "../http/transport.ts";

const notes = defineFlow({
  name: "notes",
  version: 1,
  steps: { text: step({ input: z.record(z.string(), z.string()) }), last: step({ input: z.object({}) }) },
});

/** What a proxy answers, as the client's own transport tells it. */
function answers(answer: Partial<Answer>): never {
  throw TRPCClientError.from(new AnswerError({ status: 0, url: "https://bank.test/trpc/sessions.push", ...answer }));
}

const weightOf = (request: object) => new TextEncoder().encode(JSON.stringify(request)).length;

function opened(options: { readonly maxPushBytes?: number } = {}) {
  const server = new ScriptedServer([transfer, notes]);
  const faults: string[] = [];
  const sessions = openTab(server, {
    owner: someone(),
    flows: [transfer, notes],
    onError: ({ message }) => faults.push(message),
    ...options,
  });
  return { server, sessions, faults };
}

test("S26: a push is counted in bytes, and a large step's fields travel apart", async () => {
  const { server, sessions } = opened({ maxPushBytes: 30_000 });
  server.faults.between = (request) => void (weightOf(request) > 30_000 && answers({ status: 413 }));
  const session = sessions.start(notes);
  // 12,000 characters, 36,000 bytes.
  const fields = { a: "漢".repeat(4_000), b: "漢".repeat(4_000), c: "漢".repeat(4_000) };
  expect(await session.draft("text", fields).settled).toMatchObject({ status: "accepted" });
  expect(Object.keys(server.snapshot(session.id).drafts["text"]!).toSorted()).toEqual(["a", "b", "c"]);
  expect(session.state).toMatchObject({ shelved: [], sync: { state: "saved" } });
});

test("S26: a smaller limit than was expected is found, and one change beyond it is told as too large", async () => {
  const { server, sessions } = opened();
  server.faults.between = (request) => void (weightOf(request) > 20_000 && answers({ status: 413 }));
  const fitting = Array.from({ length: 6 }, () => sessions.start(notes));
  for (const session of fitting) session.draft("text", { a: "x".repeat(15_000) });
  const large = sessions.start(notes);
  const refused = large.draft("text", { a: "y".repeat(30_000) });
  expect(await refused.settled).toMatchObject({ status: "refused", refusal: { code: "too_large" } });
  expect(large.state.shelved).toMatchObject([{ kind: "draft", mine: { a: "y".repeat(30_000) } }]);
  await vi.waitFor(() => expect(fitting.map(({ state }) => state.sync.state)).toEqual(Array(6).fill("saved")));
});

test("S26: a firewall that refuses one text shelves that change, and everything else goes on", async () => {
  const { server, sessions, faults } = opened();
  const isRefused = (request: object) => JSON.stringify(request).includes("<script>");
  server.faults.between = (request) => void (isRefused(request) && answers({ status: 403, isHtml: true }));
  server.faults.away = true;
  const before = Array.from({ length: 7 }, () => sessions.start(transfer));
  const session = sessions.start(transfer);
  const first = session.submit("recipient", recipient);
  const blocked = session.submit("amount", { cents: 1, reference: "<script>" });
  await blocked.stored;
  server.faults.away = false;
  expect(await first).toMatchObject({ status: "accepted" });
  expect(await blocked).toEqual({ status: "refused", refusal: { code: "blocked", status: 403 } });
  await vi.waitFor(() => expect(before.map(({ state }) => state.sync.state)).toEqual(Array(7).fill("saved")));
  expect(session.state).toMatchObject({
    drafts: {},
    shelved: [{ kind: "submit", step: "amount", mine: { cents: 1, reference: "<script>" } }],
  });
  expect(faults).toEqual(["answer_unexpected: https://bank.test/trpc/sessions.push answered 403 with a page of HTML."]);
});

test.each<[string, Partial<Answer>]>([
  ["a 401", { status: 401 }],
  ["a page", { status: 200, isHtml: true }],
  ["nothing", { status: 204 }],
  ["a page elsewhere", { status: 200, isHtml: true, redirected: true }],
  ["a way to another origin", { status: 0, isHtml: true, redirected: true }],
])("S26: a firewall that answers one text with %s signs nobody out and holds up nothing else", async (_, answer) => {
  const { server, sessions } = opened();
  const isRefused = (request: object) => JSON.stringify(request).includes("<script>");
  server.faults.between = (request) => void (isRefused(request) && answers(answer));
  const [session, drafted, other] = [sessions.start(transfer), sessions.start(transfer), sessions.start(transfer)];
  await vi.waitFor(() => expect(other.state.sync.state).toBe("saved"));
  const typed = drafted.draft("amount", { reference: "<script>" });
  const blocked = session.submit("recipient", { ...recipient, name: "<script>" });
  expect(await other.submit("recipient", recipient)).toMatchObject({ status: "accepted" });
  expect(await blocked).toEqual({ status: "refused", refusal: { code: "blocked", status: answer.status } });
  expect(await typed.settled).toMatchObject({ refusal: { code: "blocked" } });
  expect(drafted.state.shelved).toMatchObject([{ mine: { reference: "<script>" } }]);
  expect(other.state.sync.state).toBe("saved");
});

test.each([500, 502, 429])(
  "S26: a proxy that answers one text with %d for ever shelves that change, unless it took effect",
  async (status) => {
    const { server, sessions } = opened();
    const [session, other] = [sessions.start(transfer), sessions.start(transfer)];
    await vi.waitFor(() => expect(other.state.sync.state).toBe("saved"));
    let failed = 0;
    server.faults.between = (request) => {
      if (!JSON.stringify(request).includes("<script>")) return;
      failed += 1;
      answers({ status });
    };
    const blocked = session.submit("recipient", { ...recipient, name: "<script>" });
    expect(await other.submit("recipient", recipient)).toMatchObject({ status: "accepted" });
    await vi.waitFor(() => expect(failed).toBeGreaterThan(4), { timeout: 15_000 });
    expect(session.state.shelved).toEqual([]);
    expect(await blocked).toEqual({ status: "refused", refusal: { code: "blocked", status } });
  },
);

test("S2: a change of which a proxy keeps the replies alone from the page is never shown as refused", async () => {
  const { server, sessions } = opened();
  const session = sessions.start(transfer);
  await vi.waitFor(() => expect(session.state.sync.state).toBe("saved"));
  let failed = 0;
  server.faults.between = (request) => {
    const submission = request.commands.find(({ kind }) => kind === "submit");
    if (submission === undefined) return;
    failed += 1;
    server.take(request.device, submission);
    answers({ status: 502 });
  };
  const submission = session.submit("recipient", recipient);
  await vi.waitFor(() => expect(failed).toBeGreaterThan(10), { timeout: 15_000 });
  expect(session.state.shelved).toEqual([]);
  server.faults.between = () => {};
  expect(await submission).toMatchObject({ status: "accepted" });
});

test.each([403, 414, 431])(
  "S26: a wall that refuses every push with %d shelves nothing, and is told once",
  async (status) => {
    const { server, sessions, faults } = opened();
    let refused = 0;
    server.faults.between = () => {
      refused += 1;
      answers({ status });
    };
    const session = sessions.start(transfer);
    const submission = session.submit("recipient", recipient);
    await vi.waitFor(() => expect(refused).toBeGreaterThan(8), { timeout: 5_000 });
    expect(session.state).toMatchObject({ shelved: [], sync: { state: "saving", pending: 2 } });
    expect(faults).toEqual([`answer_unexpected: https://bank.test/trpc/sessions.push answered ${status}.`]);
    server.faults.between = () => {};
    dispatchEvent(new Event("online"));
    expect(await submission).toMatchObject({ status: "accepted" });
  },
);

test.each([414, 431])(
  "S26: where an address that names many sessions is refused with %d, fewer are named, and none is missed",
  async (status) => {
    const { server, sessions } = opened();
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
  const { server, sessions } = opened();
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

test("S26: JSON of another shape is no answer of the router's: it is told, and asked no faster than any failure", async () => {
  const { server, sessions } = opened();
  await sessions.ready;
  sessions.close();
  const { push, changes, watch } = server.transport;
  const faults: string[] = [];
  let calls = 0;
  const wrapped = async (reply: Promise<object>) => {
    calls += 1;
    return { json: await reply } as never;
  };
  const transport: SessionTransport = {
    ...server.transport,
    push: { mutate: (request) => wrapped(push.mutate(request)) },
    changes: { query: (request) => wrapped(changes.query(request)) },
    watch: {
      subscribe: (request, observer) =>
        watch.subscribe(request, { ...observer, onData: (event) => observer.onData({ json: event } as never) }),
    },
  };
  const onError = ({ message }: Error) => faults.push(message);
  const slow = { ...quick, random: () => 1 };
  const session = openTab(server, { owner: someone(), transport, onError }, slow).start(transfer);
  await vi.waitFor(() => expect(session.state.sync.state).toBe("offline"));
  await vi.waitFor(() => expect(faults).toHaveLength(1));
  expect(faults[0]).toContain("answer_unexpected");
  expect(calls).toBeLessThan(10);
  expect(server.sessions.size).toBe(1);
});

test("a confirm step beyond a body limit is told as too large at once, and one that is blocked says so", async () => {
  const { server, sessions } = opened();
  const session = sessions.start(transfer);
  await session.submit("recipient", recipient);
  await session.submit("amount", { cents: 1 });
  server.faults.between = () => answers({ status: 413 });
  expect(await session.submit("review", { accepted: true })).toMatchObject({ refusal: { code: "too_large" } });
  server.faults.between = () => answers({ status: 403 });
  expect(await session.submit("review", { accepted: true })).toEqual({
    status: "refused",
    refusal: { code: "blocked", status: 403 },
  });
  server.faults.between = () => {};
  expect(await session.submit("review", { accepted: true })).toMatchObject({ status: "accepted" });
});
