import { PGliteDialect, Kysely } from "kysely";

import { expect, onTestFinished, test } from "vitest";
import { emptyPGlite } from "../../packages/server/src/testing/pglite.ts";
import type { BankTables } from "./src/server/ledger.ts";
import { accountOf } from "./src/server/ledger.ts";
import { addStandingOrder, carryOutStandingOrders } from "./src/server/standing-orders.ts";
import { migrateBank } from "./src/server/tables.ts";
import { createTransfers } from "./src/server/transfers.ts";
import { transfer } from "./src/flow.ts";
import { uuidv7 } from "./testing/completed-transfers.ts";

const DAY_MS = 86_400_000;

test("S2: a standing order is paid once on its day, however often the job runs, and an order that is not covered leaves nothing open", async () => {
  const pglite = await emptyPGlite();
  onTestFinished(() => pglite.close());
  const db = new Kysely<BankTables>({ dialect: new PGliteDialect({ pglite }) });
  let nowMs = Date.now();
  const database = { source: pglite, dialect: new PGliteDialect({ pglite }), close: () => pglite.close() };
  const sessions = createTransfers(database, { identify: () => null }, () => nowMs);
  await sessions.migrate();
  await migrateBank(db, () => Promise.resolve(""));
  const order = (cents: number) => ({
    session: uuidv7(),
    owner: "ada",
    recipient: "Grace Hopper",
    iban: "BE95735190612058",
    cents,
    orderedMs: nowMs,
  });
  const [rent, house] = [order(900_00), order(900_000_00)];
  for (const each of [rent, house]) await addStandingOrder(db, each, nowMs + DAY_MS);

  expect(await carryOutStandingOrders(db, sessions, nowMs)).toBe(0);
  nowMs += DAY_MS;
  await Promise.all([carryOutStandingOrders(db, sessions, nowMs), carryOutStandingOrders(db, sessions, nowMs)]);
  // As if the job had died before it noted the end.
  await db.updateTable("bank.standing_order").set({ ending: null }).execute();
  expect(await carryOutStandingOrders(db, sessions, nowMs)).toBe(2);
  expect(await carryOutStandingOrders(db, sessions, nowMs)).toBe(0);

  const orders = await db.selectFrom("bank.standing_order").select(["session", "ending"]).execute();
  expect(new Map(orders.map(({ session, ending }) => [session, ending]))).toEqual(
    new Map([
      [rent.session, "paid"],
      [house.session, "refused"],
    ]),
  );
  expect(await accountOf(db, "ada")).toMatchObject({ balanceCents: 25_000_00 - 900_00 });
  expect(await accountOf(db, "grace")).toMatchObject({ balanceCents: 4_800_00 + 900_00 });
  const { active, ended } = await sessions.as("ada", { name: "Test" }).list(transfer);
  expect(active).toEqual([]);
  expect(ended.map(({ status, device }) => `${status} by ${device.name}`).toSorted()).toEqual([
    "cancelled by Standing orders",
    "completed by Standing orders",
  ]);
  await sessions.close();
});
