import { createSessionsClient, type SessionsClient } from "@sessions/client";
import { createTestServer, serve, type TestServer } from "@sessions/testing";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { amount, recipient, transfer } from "./testing/bank.ts";

let server: TestServer;
let sessions: SessionsClient;

beforeEach(() => {
  server = createTestServer({
    flows: [
      serve(transfer, {
        steps: { amount: ({ input, refuse }) => (input.cents > 5_000_000 ? refuse("Too much.") : { feeCents: 25 }) },
        complete: ({ session }) => ({ reference: `R-${session.id}` }),
      }),
    ],
    owner: "ada",
  });
  vi.stubGlobal("fetch", server.fetch);
  sessions = createSessionsClient({ flows: [transfer], url: "/trpc", owner: "ada" });
});

afterEach(async () => {
  await sessions.forget();
  vi.unstubAllGlobals();
});

test("the fee of an amount is shown", async () => {
  const session = sessions.start(transfer);
  await session.submit("recipient", recipient);
  await session.submit("amount", { cents: 12_300 });
  expect(session.state.outputs.amount).toEqual({ feeCents: 25 });
});

test("the review shows what was entered", async () => {
  const { id } = await server.seed(transfer, { at: "review", data: { recipient, amount } });
  const session = sessions.open(transfer, id);
  await vi.waitFor(() => expect(session.state.progress.current).toBe("review"));
  expect(session.state.data).toEqual({ recipient, amount });
});

test("an answer that is lost does not send the money twice", async () => {
  const { id } = await server.seed(transfer, { at: "review", data: { recipient, amount } });
  const session = sessions.open(transfer, id);
  await vi.waitFor(() => expect(session.state.status).toBe("active"));
  server.dropReply();
  expect(await session.submit("review", { accepted: true })).toMatchObject({ status: "accepted" });
  expect(server.history(id).filter(({ change }) => change.kind === "submit")).toHaveLength(3);
});

test("the page shows a change of the laptop as a conflict", async () => {
  const { id } = await server.seed(transfer, { data: { recipient } });
  const session = sessions.open(transfer, id);
  await vi.waitFor(() => expect(server.streams).toBe(1));
  server.goOffline();
  const mine = session.submit("recipient", { ...recipient, name: "Ada" });
  await mine.stored;
  await server.anotherDevice("Laptop").submit(transfer, id, "recipient", { ...recipient, name: "Grace" });
  server.goOnline();
  expect(await mine).toMatchObject({ status: "refused", refusal: { code: "conflict" } });
});

test("a session that was left for four days has expired", async () => {
  const { id } = await server.seed(transfer, { data: { recipient } });
  const session = sessions.open(transfer, id);
  await vi.waitFor(() => expect(session.state.status).toBe("active"));
  server.clock.advance("4d");
  await vi.waitFor(() => expect(session.state.status).toBe("expired"));
});
