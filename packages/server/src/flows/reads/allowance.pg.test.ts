import { createServer } from "node:http";
import { createHTTPHandler } from "@trpc/server/adapters/standalone";
import type { AddressInfo } from "node:net";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createBank, start, TestClient } from "../../testing/bank.ts";
import { largeSession } from "../../testing/large-session.ts";
import { createPlainHost } from "../../testing/host.ts";
import { freshDatabase } from "../../testing/postgres.ts";

const { pool } = await freshDatabase();

const node = createBank(pool);

beforeAll(() => node.migrate());

// A host that has read nothing of docs/operating/hardening.md.
const server = createServer(
  createHTTPHandler({
    router: createPlainHost(node),
    createContext: ({ req }) => ({ user: String(req.headers["x-user"]), requestedAt: new Date() }),
  }),
);

let url: string;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.closeAllConnections();
  server.close();
});

test("S25: one request for a hundred lists, and lists that nobody reads, leave memory and other owners alone", async () => {
  const owner = uuidv7();
  const ada = new TestClient(node, owner);
  for (let index = 0; index < 12; index += 1) await largeSession(ada);
  const input = { flow: null, limit: 100, after: null };
  const names = Array.from({ length: 100 }, () => "sessions.list").join(",");
  const inputs = Object.fromEntries(Array.from({ length: 100 }, (_, index) => [index, input]));
  const headers = { "x-user": owner };
  const eve = new TestClient(node, uuidv7());
  await eve.one(start(uuidv7(), "notes"));

  const batch = fetch(`${url}/${names}?batch=1&input=${encodeURIComponent(JSON.stringify(inputs))}`, {
    headers,
  });
  const unread = Array.from({ length: 60 }, () =>
    fetch(`${url}/sessions.list?input=${encodeURIComponent(JSON.stringify(input))}`, { headers }),
  );
  const answered = performance.now();
  await eve.list();
  expect(performance.now() - answered).toBeLessThan(5_000);

  const replies = await Promise.all(unread);
  const statuses = replies.map(({ status }) => status);
  const text = await (await batch).text();
  // The node does nothing else while it writes one text of all replies.
  expect(text.length).toBeGreaterThan(3 * 1024 * 1024);
  expect(text.length).toBeLessThan(4 * 1024 * 1024 + 100 * 500);
  const told = (JSON.parse(text) as { error?: { data: { httpStatus: number } } }[]).map(
    ({ error }) => error?.data.httpStatus ?? 200,
  );
  expect(new Set([...statuses, ...told])).toEqual(new Set([200, 429]));
  expect([...statuses, ...told].filter((status) => status === 200).length).toBeLessThan(60);
  await Promise.all(replies.map(async (reply) => reply.body?.cancel()));
});
