import { Kysely, sql } from "kysely";
import { v7 as uuidv7 } from "uuid";
import { expect, test } from "vitest";
import { createBank, start, TestClient } from "../../testing/bank.ts";
import { emptyPGlite } from "../../testing/pglite.ts";
import { pgliteDialect } from "./pglite.ts";

test("on a PGlite that was closed, each call fails as on a database that is away, and none waits or ends the process", async () => {
  const lite = await emptyPGlite();
  const sessions = createBank(lite);
  await sessions.migrate();
  const ada = new TestClient(sessions, "ada");
  expect(await ada.one(start(uuidv7(), "notes"))).toMatchObject({ status: "accepted" });
  await lite.close();
  await expect(sessions.check()).rejects.toMatchObject({ code: "database_unreachable" });
  await expect(ada.one(start(uuidv7(), "notes"))).rejects.toMatchObject({ code: "SERVICE_UNAVAILABLE" });
  await expect(ada.read(uuidv7())).rejects.toMatchObject({ code: "SERVICE_UNAVAILABLE" });
  await sessions.close();
  const later = createBank(lite);
  await expect(later.check()).rejects.toMatchObject({ code: "database_unreachable" });
  await later.close();
});

test("a transaction that cannot begin fails, and is waited for by nobody", { timeout: 10_000 }, async () => {
  const lite = await emptyPGlite();
  const db = new Kysely<object>({ dialect: pgliteDialect(lite) });
  const one = sql<{ one: number }>`select 1 as one`;
  await one.execute(db);
  await lite.close();
  await expect(db.transaction().execute((tx) => one.execute(tx))).rejects.toThrow("PGlite is closed");
});
