import { createFunnels } from "@sessions/server/funnels";
import { createProjections } from "@sessions/server/projections";
import { createSignIns } from "@sessions/server/sign-in";
import { partitionedTables as activityTables } from "../../../../packages/server/src/activity/rows/tables.ts";
import type { EventRow } from "../../../../packages/server/src/activity/rows/events.ts";
import { partitionedTables } from "../../../../packages/server/src/flows/rows/tables.ts";
import { createKysely } from "../../../../packages/server/src/postgres/database.ts";
import { Partitions } from "../../../../packages/server/src/postgres/partitions.ts";
import { partitionedSignInTables } from "../../../../packages/server/src/sign-in/rows/tables.ts";
import { transfer } from "../../src/flow.ts";
import { DEMO_PASSWORD } from "../../src/people.ts";
import type { Database } from "../../src/server/database.ts";
import { hashPassword } from "../../src/server/sign-in/passwords.ts";
import { spending } from "../../src/server/spending.ts";
import { migrateBank } from "../../src/server/tables.ts";
import { createTransfers } from "../../src/server/transfers.ts";
import { createVisits } from "../../src/server/visits.ts";
import { beginnings, Customers, uuidv7 } from "./customers.ts";
import * as rows from "./filled-rows.ts";
import { liveSignIn, type SignInLife } from "./sign-in-life.ts";
import { liveTransfer, type TransferLife } from "./transfer-life.ts";

const DAY_MS = 86_400_000;
const TWO_YEARS_DAYS = 730;
/** How long counting may take at the end, in milliseconds. */
const COUNT_MS = 300_000;

export interface TwoYearsOptions {
  /** How many transfers begin. */
  readonly transfers: number;
  /** The end of the two years, in milliseconds since 1970. */
  readonly endMs: number;
  /** How many days are filled. Default 730. */
  readonly days?: number;
  /** A random number from 0 to 1. */
  readonly random: () => number;
  /** Called with a sentence about what was done. */
  readonly onProgress?: (sentence: string) => void;
}

/** What the two years hold. */
interface Filled {
  readonly transfers: TransferLife[];
  readonly signIns: SignInLife[];
  readonly events: EventRow[];
}

/**
 * Fills two years of the bank's life. The rules of the sessions judge each command, and the server's own code makes the
 * rows, so each history verifies. One transaction writes all of them, and a second call finds them and adds nothing. Then
 * the bank's projections count them, as they count everything else.
 */
export async function fillTwoYears(database: Database, options: TwoYearsOptions): Promise<void> {
  const { transfers, endMs, days = TWO_YEARS_DAYS, random, onProgress = () => {} } = options;
  const startMs = endMs - days * DAY_MS;
  const parts = partsOf(database, endMs);
  await parts.migrate();
  const db = createKysely<rows.AllTables>(database.source);
  await migrateBank(db, () => hashPassword(DEMO_PASSWORD));
  const customers = new Customers(transfers, { startMs, endMs }, random);
  if (await rows.isFilled(db, customers.all)) {
    onProgress("The two years are there already: nothing was added.");
  } else {
    for (let atMs = startMs; ; atMs += 28 * DAY_MS) {
      for (const tables of [partitionedTables, partitionedSignInTables, activityTables]) {
        await new Partitions(db, rows.SCHEMA, tables).ensure(Math.min(atMs, endMs));
      }
      if (atMs > endMs) break;
    }
    await db.transaction().execute(async (tx) => {
      let entry = await rows.lockLedger(tx);
      const begun = [...beginnings(transfers, endMs, days, random)];
      const filled = live(customers, begun, { endMs, random, nextEntry: () => (entry += 1) });
      await rows.insertCustomers(tx, customers.all);
      await rows.insertTransfers(tx, filled.transfers);
      await rows.insertDevices(tx, filled.transfers);
      await rows.insertRefusals(tx, filled.transfers);
      onProgress(`${filled.transfers.length} transfers of ${customers.all.length} customers are written.`);
      await rows.insertSignIns(tx, filled.signIns);
      await rows.insertActivity(tx, filled.events);
      onProgress(`${filled.signIns.length} sign-ins and ${filled.events.length} events are written.`);
    });
  }
  await parts.count(onProgress);
  await parts.close();
}

/** What the customers do in these years. Nothing is written yet. */
function live(
  customers: Customers,
  begun: readonly number[],
  options: { readonly endMs: number; readonly random: () => number; readonly nextEntry: () => number },
): Filled {
  const { endMs, random } = options;
  const filled: Filled = { transfers: [], signIns: [], events: [] };
  for (const beginMs of begun) {
    const customer = customers.at(beginMs);
    if (customer === null) continue;
    const { owner } = customer;
    const one = liveTransfer({ customer, beginMs, ...options });
    const { endedAt, expiresAt } = one.stored.snapshot;
    customers.noteOpen(customer, Date.parse(endedAt ?? expiresAt));
    filled.transfers.push(one);
    for (const { atMs, device } of one.uses) {
      const pages = ["home", "transfer", ...(random() < 0.3 ? ["home"] : [])];
      filled.events.push(
        ...pages.map((page, index) => eventOf(owner, Math.min(endMs, atMs + index * 40_000), "page_loaded", { page })),
      );
      if (random() < 0.5) filled.events.push(eventOf(owner, atMs, "balance_viewed", {}));
      // The others are signed in still.
      if (random() < 0.45) filled.signIns.push(liveSignIn({ owner, device, atMs, endMs, random }));
    }
  }
  return filled;
}

function eventOf(owner: string, atMs: number, name: string, data: object): EventRow {
  return { owner, atMs, id: uuidv7(atMs), name, data: JSON.stringify(data), receivedMs: atMs };
}

/** The parts of the bank that have tables, and those that count. */
function partsOf(database: Database, endMs: number) {
  const now = () => endMs;
  const identify = () => Promise.reject(new Error("Nobody asks."));
  const sessions = createTransfers(database, { identify: identify as never }, now);
  const signIns = createSignIns({ database: database.source, now, expires: { absolute: "7d" }, sweeps: false });
  const visits = createVisits(database, now);
  const funnels = createFunnels({ database: database.source, flows: [transfer] });
  const counting = [funnels.projection, spending];
  const projections = createProjections({ database: database.source, now, projections: counting });
  return {
    async migrate() {
      for (const { migrate } of [sessions, signIns, visits, projections, funnels]) await migrate();
    },
    async count(onProgress: (sentence: string) => void) {
      await projections.start();
      for (const { name } of counting) {
        await projections.caughtUp(name, "now", { timeMs: COUNT_MS });
        onProgress(`The projection ${name} has counted them.`);
      }
      await visits.start();
      await visits.caughtUp({ timeMs: COUNT_MS });
      await visits.sweep();
      onProgress("The visits are built.");
    },
    async close() {
      await projections.close();
      await visits.close();
      await sessions.close();
      await signIns.close();
    },
  };
}
