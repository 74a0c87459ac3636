import { expect, test } from "vitest";
import { createKysely } from "../../postgres/database.ts";
import { freshDatabase } from "../../testing/postgres.ts";
import { promised, sessionUntil } from "../../testing/web-sessions/web-sessions.ts";
import { SessionsStore } from "../sessions-store.ts";
import { listWebSessions } from "./lists.ts";
import type { WebSessionTables } from "./tables.ts";

const { pool } = await freshDatabase();
const MINUTE_MS = 60_000;

test("a page of sessions ends after the one that exceeds its bytes", async () => {
  const store = new SessionsStore({ database: pool, namespace: "bytes", sweeps: false });
  const until = sessionUntil(Date.now() + MINUTE_MS, { text: "é".repeat(500) });
  await Promise.all(["a", "b", "c", "d"].map((sid) => promised(store).set(sid, until)));
  const db = createKysely<WebSessionTables>(pool);
  const place = { schema: "sessions", namespace: "bytes" };
  const listed = (bytes: number) => listWebSessions(db, place, { after: "", limit: 3, bytes, nowMs: Date.now() });
  expect((await Promise.all([0, 1_000, 1_200, 100_000].map(listed))).map(({ length }) => length)).toEqual([1, 1, 2, 3]);
  await store.close();
});
