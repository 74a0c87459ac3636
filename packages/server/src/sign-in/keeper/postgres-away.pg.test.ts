import { Pool } from "pg";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { freshDatabase } from "../../testing/postgres.ts";
import { signIn, testKeeper } from "../../testing/sign-ins.ts";
import { TcpProxy } from "../../testing/connections/tcp-proxy.ts";

const LEASE_MS = 10_000;

const url = new URL((await freshDatabase()).url);
const network = await TcpProxy.to(url.hostname, Number(url.port));
url.port = String(network.port);
const pool = new Pool({ connectionString: url.href, max: 2 });
pool.on("error", () => {});
let nowMs = Date.UTC(2026, 5, 1);
const clocks = { now: () => nowMs, elapsedMs: () => nowMs };
const options = { ...clocks, leaseMs: LEASE_MS, report: () => {} };
const node = testKeeper(pool, options);

beforeAll(() => node.migrate());
afterAll(async () => {
  await node.close();
  await pool.end();
  await network.close();
});

test("S16: without Postgres, a node accepts sign-ins in its memory for the lease, and signs nobody out after it", async () => {
  const { token } = await signIn(node, "ada");
  expect(await node.check(token)).toMatchObject({ kind: "live" });
  network.refusing = true;
  network.cut();
  nowMs += LEASE_MS - 1;
  expect(await node.check(token)).toMatchObject({ kind: "live" });
  nowMs += 1;
  await expect(node.check(token)).rejects.toMatchObject({ code: "database_unreachable" });
  await expect(node.endOf(token)).rejects.toMatchObject({ code: "database_unreachable" });
  const restarted = testKeeper(pool, options);
  await expect(restarted.check(token)).rejects.toMatchObject({ code: "database_unreachable" });
  network.refusing = false;
  for (const each of [node, restarted]) {
    await vi.waitFor(async () => expect(await each.check(token)).toMatchObject({ kind: "live" }));
  }
  await restarted.close();
});

test("a Postgres that does not answer is given up after two seconds", async () => {
  const { token } = await signIn(node, "bob");
  network.delayMs = 60_000;
  nowMs += LEASE_MS;
  const askedMs = performance.now();
  await expect(node.check(token)).rejects.toMatchObject({ code: "database_unreachable" });
  expect(performance.now() - askedMs).toBeLessThan(3_000);
  network.delayMs = 0;
  network.cut();
  await vi.waitFor(async () => expect(await node.check(token)).toMatchObject({ kind: "live" }));
});
