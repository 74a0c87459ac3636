import { http, HttpResponse } from "msw";
import { setupServer } from "msw/node";
import { expect, onTestFinished, test, vi } from "vitest";
import { idOf, start, submit } from "../../core/src/testing/commands.ts";
import { createTestServer, serve } from "./index.ts";
import { amount, recipient, transfer } from "./testing/bank.ts";
import { device, openPage, type PageOptions } from "./testing/page.ts";

const served = serve(transfer, {
  steps: { amount: ({ input, refuse }) => (input.cents > 5_000_000 ? refuse("Above the ceiling.") : { feeCents: 25 }) },
  complete: ({ session }) => ({ reference: `R-${session.id}` }),
});
const open = (options?: PageOptions) => openPage({ flows: [served], owner: "ada", onError: () => {} }, options);
const session = idOf(1);

test.for<[string, PageOptions]>([
  ["one call at a time", {}],
  ["calls in batches", { batch: true }],
  ["a transformer", { superjson: true }],
  ["calls in batches, with a transformer", { batch: true, superjson: true }],
])("a page walks through a flow over msw: %s", async ([, options]) => {
  const page = open(options);
  const first = submit(session, "recipient", { ...recipient, name: " Grace " });
  const second = submit(session, "amount", amount);
  const { outcomes, snapshots } = await page.push(start(session, "transfer"), first, second);
  expect(outcomes).toEqual([1, 2, 3].map((revision) => ({ status: "accepted", revision, replayed: false })));
  expect(snapshots).toMatchObject([
    { id: session, revision: 3, device, data: { recipient: { name: "Grace" } }, outputs: { amount: { feeCents: 25 } } },
  ]);
  expect(await page.read(session)).toEqual(snapshots[0]);

  const [list, changes, known, receipt, unknown] = await Promise.all([
    page.list(),
    page.changes(),
    page.changes({ [session]: 3 }),
    page.receipt(session, second.id),
    page.read(idOf(2)),
  ]);
  expect(list).toMatchObject({ active: snapshots, ended: [], next: null });
  expect(changes).toMatchObject({ snapshots, more: false });
  expect(known).toMatchObject({ snapshots: [] });
  expect(receipt.outcome).toEqual({ status: "accepted", revision: 3, replayed: true });
  expect(unknown).toBeNull();

  const seen = { review: null, recipient: first.id, amount: second.id };
  const review = submit(session, "review", { accepted: true }, { seen });
  expect(await page.one(review)).toEqual({ status: "accepted", revision: 4, replayed: false });
  expect(await page.one(review)).toEqual({ status: "accepted", revision: 4, replayed: true });
  expect(await page.read(session)).toMatchObject({ status: "completed", result: { reference: `R-${session}` } });
  expect(page.server.history(session).map(({ change }) => change.kind)).toEqual([
    "start",
    "submit",
    "submit",
    "submit",
  ]);
});

test("a stream tells what the page lacks, and then each change", async () => {
  const page = open();
  const seeded = await page.server.seed(transfer, { data: { recipient } });
  const { events } = page.watch();
  await vi.waitFor(() => expect(events).toMatchObject([{ snapshots: [seeded], more: false }]));
  await page.one(submit(seeded.id, "amount", amount));
  await vi.waitFor(() => expect(events[1]?.snapshots).toMatchObject([{ revision: 3 }]));
  page.server.clock.advance("3d");
  await vi.waitFor(() => expect(events[2]?.snapshots).toMatchObject([{ revision: 4, status: "expired" }]));
});

test("a request that is no call of the router reaches the application's other handlers", async () => {
  const page = open();
  page.network.use(http.get("*/trpc/account.read", () => HttpResponse.text("the account")));
  expect(await (await fetch("http://bank.test/trpc/account.read")).text()).toBe("the account");
  expect(page.server.pushes).toEqual([]);
});

test("the router stands at the address and the mount that the application gives it", async () => {
  const server = createTestServer({
    flows: [served],
    owner: "ada",
    url: "http://bank.test/api",
    mount: "flows.sessions",
  });
  const network = setupServer(
    ...server.handlers,
    http.all("*", () => HttpResponse.text("the bank")),
  );
  network.listen();
  onTestFinished(() => network.close());
  const read = `sessions.read?input=${encodeURIComponent(JSON.stringify({ session }))}`;
  const ask = async (url: string) => (await fetch(url)).text();
  expect(JSON.parse(await ask(`http://bank.test/api/flows.${read}`))).toMatchObject({
    result: { data: { session: null } },
  });
  expect(await ask(`http://bank.test/api/${read}`)).toBe("the bank");
  expect(await ask(`http://bank.test/trpc/flows.${read}`)).toBe("the bank");
});

test("without msw the server answers as a fetch, and passes on what is none of its calls", async () => {
  vi.stubGlobal("fetch", async (request: Request) => new Response(`the real ${new URL(request.url).pathname}`));
  const server = createTestServer({ flows: [served], owner: "ada" });
  const ask = async (path: string) => (await server.fetch(`http://bank.test${path}`)).text();
  expect(await ask("/trpc/account.read")).toBe("the real /trpc/account.read");
  expect(await ask("/")).toBe("the real /");
  expect(
    await ask(`/trpc/sessions.list?input=${encodeURIComponent('{"flow":null,"limit":1,"after":null}')}`),
  ).toContain('"active":[]');
  // A batch with a call of sessions is the test server's. It knows no other procedure.
  const batch = await ask(
    `/trpc/sessions.read,account.read?batch=1&input=${encodeURIComponent(JSON.stringify({ 0: { session } }))}`,
  );
  expect(JSON.parse(batch)).toMatchObject([{ result: {} }, { error: { data: { code: "NOT_FOUND" } } }]);
});
