import { Pool } from "pg";
import { afterAll, expect, test } from "vitest";
import { freshDatabase } from "../testing/postgres.ts";
import { proxied } from "../testing/connections/tcp-proxy.ts";
import { promised, sessionUntil } from "../testing/web-sessions/web-sessions.ts";
import { SessionsStore } from "./sessions-store.ts";

const { url } = await freshDatabase();
const { proxy, url: throughProxy } = await proxied(url);
// As an application may make it: without a listener for errors.
const pool = new Pool({ connectionString: throughProxy });
const stores = [
  new SessionsStore({ database: throughProxy, sweeps: false }),
  new SessionsStore({ database: pool, sweeps: false, touchEveryMs: 0 }),
];
afterAll(async () => {
  await Promise.all(stores.map((store) => store.close()));
  await pool.end();
  await proxy.close();
});

test.for(stores)("calls wait while Postgres restarts, and fail with 503 if it stays away", async (store) => {
  const { get, set, touch } = promised(store);
  const session = sessionUntil(Date.now() + 600_000, { user: "ada" });
  await set("sid", session);
  await Promise.all(Array.from({ length: 20 }, (_, index) => get(`sid${index}`)));

  proxy.refusing = true;
  proxy.cut();
  const waiting = [get("sid"), set("other", session), touch("sid", session)] as const;
  await new Promise((resolve) => setImmediate(resolve));
  proxy.refusing = false;
  const [read] = await Promise.all(waiting);
  expect(read).toMatchObject({ user: "ada" });
  expect(await get("other")).toMatchObject({ user: "ada" });

  proxy.refusing = true;
  proxy.cut();
  await expect(get("sid")).rejects.toMatchObject({ code: "database_unreachable", status: 503 });
  proxy.refusing = false;
  expect(await get("sid")).toMatchObject({ user: "ada" });
});
