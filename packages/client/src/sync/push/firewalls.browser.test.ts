import { expect, test, vi } from "vitest";
import type { Answer } from "../http/answer.ts";
import type { SessionTransport } from "../http/transport.ts";
import { openTab, quick, someone } from "../../testing/devices.ts";
import { answers, openProxied } from "../../testing/proxied-sessions.ts";
import { recipient, transfer } from "../../testing/transfer.ts";

test("S26: a firewall that refuses one text shelves that change, and everything else goes on", async () => {
  const { server, sessions, faults } = openProxied();
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
  const { server, sessions } = openProxied();
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
    const { server, sessions } = openProxied();
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
  const { server, sessions } = openProxied();
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
    const { server, sessions, faults } = openProxied();
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

test("S26: JSON of another shape is no answer of the router's: it is told, and asked no faster than any failure", async () => {
  const { server, sessions } = openProxied();
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
  const { server, sessions } = openProxied();
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
