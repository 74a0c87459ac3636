import { createSessionsClient, type SessionsClient } from "@sessions/client";
import { setupWorker } from "msw/browser";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { createTestServer, serve } from "./index.ts";
import { amount, recipient, transfer } from "./testing/bank.ts";

const worker = setupWorker();
const pages: SessionsClient[] = [];
let registration: ServiceWorkerRegistration | undefined;
beforeAll(async () => {
  registration = await worker.start({ quiet: true, onUnhandledFrame: "bypass" });
});
afterEach(async () => {
  for (const page of pages.splice(0)) await page.forget();
  vi.unstubAllGlobals();
  worker.resetHandlers();
});
afterAll(async () => {
  await worker.stop();
  await registration?.unregister();
});

/** A page with the real client and its database, and a server behind msw's worker, or behind the page's `fetch`. */
function openPage(by: "worker" | "fetch" = "worker") {
  const owner = `owner-${crypto.randomUUID()}`;
  const server = createTestServer({
    flows: [serve(transfer, { steps: { amount: () => ({ feeCents: 25 }) }, complete: () => ({ reference: "R-1" }) })],
    owner,
  });
  if (by === "worker") worker.use(...server.handlers);
  else vi.stubGlobal("fetch", server.fetch);
  const page = createSessionsClient({ flows: [transfer], url: "/trpc", owner });
  pages.push(page);
  return { server, page };
}

test.for(["worker", "fetch"] as const)("a page types, submits and completes by the %s", async (by) => {
  const { server, page } = openPage(by);
  const session = page.start(transfer);
  await session.draft("recipient", { name: "Gr" }).settled;
  expect(server.snapshot(session.id).drafts).toMatchObject({ recipient: { name: { value: "Gr" } } });
  expect(await session.submit("recipient", recipient)).toMatchObject({ status: "accepted" });
  expect(await session.submit("amount", amount)).toMatchObject({ status: "accepted" });
  expect(session.state).toMatchObject({ outputs: { amount: { feeCents: 25 } } });
  expect(await session.submit("review", { accepted: true })).toMatchObject({ status: "accepted" });
  expect(session.state).toMatchObject({ status: "completed", result: { reference: "R-1" } });
});

test("S2: a reply that is lost after it took effect is asked for again, and nothing happens twice", async () => {
  const { server, page } = openPage();
  const { id } = await server.seed(transfer);
  const session = page.open(transfer, id);
  await vi.waitFor(() => expect(session.state.status).toBe("active"));
  server.dropReply();
  expect(await session.submit("recipient", recipient)).toMatchObject({ status: "accepted" });
  expect(server.history(id).map(({ change }) => change.kind)).toEqual(["start", "submit"]);
  expect(server.pushes).toHaveLength(2);
});

test("offline a page keeps what is submitted, and sends it when it is online again", async () => {
  const { server, page } = openPage();
  const { id } = await server.seed(transfer);
  const session = page.open(transfer, id);
  await vi.waitFor(() => expect(server.streams).toBe(1));
  server.goOffline();
  await vi.waitFor(() => expect(session.state.sync.state).toBe("offline"), 10_000);
  const submitted = session.submit("recipient", recipient);
  await submitted.stored;
  expect(server.snapshot(id).data).toEqual({});
  server.goOnline();
  expect(await submitted).toMatchObject({ status: "accepted" });
  expect(server.snapshot(id).data).toEqual({ recipient });
});

test("a page sees what another device types and submits, and a stream that is left ends at the server", async () => {
  const { server, page } = openPage();
  const { id } = await server.seed(transfer);
  const session = page.open(transfer, id);
  await vi.waitFor(() => expect(server.streams).toBe(1));
  const laptop = server.anotherDevice("Laptop");
  await laptop.draft(transfer, id, "recipient", { name: "G" });
  await vi.waitFor(() => expect(session.state.drafts.recipient).toEqual({ name: "G" }));
  await laptop.submit(transfer, id, "recipient", recipient);
  await vi.waitFor(() => expect(session.state).toMatchObject({ data: { recipient }, device: { name: "Laptop" } }));
  page.close();
  await vi.waitFor(() => expect(server.streams).toBe(0));
});
