import { PROTOCOL_VERSION, type Command } from "@sessions/core/internal";
import { createFunnels } from "@sessions/server/funnels";
import { createProjections } from "@sessions/server/projections";
import { createSignIns } from "@sessions/server/sign-in";
import { Kysely, sql } from "kysely";
import { transfer } from "../src/flow.ts";
import { DEMO_PASSWORD } from "../src/people.ts";
import type { Database } from "../src/server/database.ts";
import type { BankTables } from "../src/server/ledger.ts";
import { hashPassword } from "../src/server/sign-in/passwords.ts";
import { spending } from "../src/server/spending.ts";
import { migrateBank } from "../src/server/tables.ts";
import { createTransfers } from "../src/server/transfers.ts";
import { createVisits } from "../src/server/visits.ts";

const DAY_MS = 86_400_000;
const TWO_YEARS_DAYS = 730;
const MINUTE_MS = 60_000;
/** How long counting may take at the end, in milliseconds. */
const COUNT_MS = 120_000;

/** The most transfers that a customer begins in a day, on average. It keeps customers below the limits of the bank. */
const BEGUN_A_DAY = 0.2;

export interface TwoYearsOptions {
  /** How many transfers begin. */
  readonly transfers: number;
  /** The end of the two years, in milliseconds since 1970. */
  readonly endMs: number;
  /** How many days are filled. Default 730. */
  readonly days?: number;
  /** A random number from 0 to 1. */
  readonly random: () => number;
  readonly onProgress?: (begun: number) => void;
}

/**
 * Fills two years of the bank's life. The commands go through the bank's own sessions, with a clock that runs through
 * these years. So each history verifies. The money moves between customers who exist in these data alone.
 */
export async function fillTwoYears(database: Database, options: TwoYearsOptions): Promise<void> {
  const { transfers, endMs, days = TWO_YEARS_DAYS, random, onProgress } = options;
  let nowMs = endMs - days * DAY_MS;
  const now = () => nowMs;
  const customers = Array.from(
    { length: Math.max(5, Math.ceil(transfers / days / BEGUN_A_DAY)) },
    (_, index) => `customer-${String(index + 1).padStart(4, "0")}`,
  );
  const identify = (context: { readonly owner: string }) => ({ ...context, provedAt: nowMs, level: "aal1" as const });
  const sessions = createTransfers(database, { identify: identify as never }, now);
  const signIns = createSignIns({ database: database.source, now, expires: { absolute: "7d" }, sweeps: false });
  const visits = createVisits(database, now);
  await sessions.migrate();
  await signIns.migrate();
  await visits.migrate();
  await openAccounts(new Kysely<BankTables>({ dialect: database.dialect }), customers);

  let begun = 0;
  for (let day = 0; day < days; day += 1) {
    const startMs = endMs - (days - day) * DAY_MS;
    // The bank grows, and rests on Sundays.
    const due = Math.round(transfers * ((day + 1) / days) ** 1.5);
    const people = Array.from({ length: Math.max(0, due - begun) }, () => personOf(customers, startMs, random));
    begun += people.length;
    nowMs = startMs;
    for (const person of people) if (random() < 0.3) await signIn(person.owner, person.began);
    await Promise.all(people.map(({ owner }) => visits.record(owner, "page_loaded", { page: "home" })));
    for (let round = 0; people.some(({ pushes }) => round < pushes.length); round += 1) {
      nowMs = startMs + round * (1 + Math.floor(random() * 4)) * MINUTE_MS + MINUTE_MS;
      await Promise.all(people.map((person) => pushOf(person, round)));
    }
    if (day % 7 === 6) {
      await sessions.sweep();
      await signIns.sweep();
      onProgress?.(begun);
    }
  }
  nowMs = endMs;
  await sessions.sweep();
  await signIns.sweep();
  await sessions.close();
  await signIns.close();
  await countAll(database);
  await visits.start();
  await visits.caughtUp({ timeMs: COUNT_MS });
  await visits.sweep();
  await visits.close();

  async function pushOf({ owner, pushes }: Person, round: number): Promise<void> {
    const push = pushes[round];
    if (push === undefined) return;
    visits.recordSoon(owner, "page_loaded", { page: "transfer" });
    const { outcomes } = await sessions.router.createCaller({ owner }).push({ protocol: PROTOCOL_VERSION, ...push });
    const refused = outcomes.find(({ status }) => status === "refused");
    if (refused) throw new Error(`A command was refused: ${JSON.stringify(refused)}`);
  }

  async function signIn(owner: string, device: Device): Promise<void> {
    const headers = { "sec-fetch-site": "same-origin" };
    await signIns.fetch(new Request("https://bank.example/", { method: "POST", headers }), async (visit) => {
      await visit.signInAs(owner, { factors: ["password"], device: device.name });
      return new Response();
    });
  }
}

interface Device {
  readonly id: string;
  readonly name: string;
}

interface Push {
  readonly device: Device;
  readonly commands: Command[];
}

/** A customer who makes one transfer, or leaves it. */
interface Person {
  readonly owner: string;
  readonly began: Device;
  readonly pushes: readonly Push[];
}

function personOf(customers: readonly string[], atMs: number, random: () => number): Person {
  const owner = customers[Math.floor(random() * customers.length)]!;
  const session = uuidv7(atMs);
  const id = () => uuidv7(atMs);
  const began = { id: id(), name: random() < 0.7 ? "Chrome on Android" : "Safari on iOS" };
  const laptop = { id: id(), name: "Firefox on Linux" };
  const later = random() < 0.35 ? laptop : began;
  const one = { session, version: 1 };
  const submit = (step: string, input: never, seen: Record<string, string | null>) =>
    ({ ...one, kind: "submit", id: id(), step, input, seen }) as const;

  const cents = random() < 0.08 ? 1_200_000 : 1_000 + Math.floor(random() * 90_000);
  const recipient = submit("recipient", { name: "Jeanne Peeters", iban: "BE68539007547034" } as never, {
    recipient: null,
  });
  const amount = submit("amount", { cents } as never, { amount: null });
  const corrected = submit("amount", { cents: cents + 100 } as never, { amount: amount.id });
  const isCorrected = random() < 0.12;
  const source = submit("source", { origin: "savings" } as never, { source: null });
  const last = isCorrected ? corrected : amount;
  const seen = { review: null, recipient: recipient.id, amount: last.id, source: cents > 1_000_000 ? source.id : null };
  const steps: Push[] = [
    { device: began, commands: [{ ...one, kind: "start", id: id(), flow: "transfer" }] },
    { device: began, commands: [recipient] },
    { device: later, commands: isCorrected ? [amount, corrected] : [amount] },
    ...(cents > 1_000_000 ? [{ device: later, commands: [source] }] : []),
    { device: later, commands: [submit("review", { accepted: true } as never, seen)] },
  ];
  // Most leave at the amount. Some of those who leave cancel.
  const left = random() < 0.3 ? 1 + Math.floor(random() ** 0.7 * (steps.length - 1)) : steps.length;
  const pushes = steps.slice(0, left);
  if (left < steps.length && random() < 0.3)
    pushes.push({ device: later, commands: [{ ...one, kind: "cancel", id: id() }] });
  return { owner, began, pushes };
}

/** Accounts with more money than two years take. */
async function openAccounts(db: Kysely<BankTables>, customers: readonly string[]): Promise<void> {
  await migrateBank(db, () => hashPassword(DEMO_PASSWORD));
  await db
    .insertInto("bank.account")
    .values(
      customers.map((owner) => ({
        owner,
        iban: `SEED-${owner}`,
        balance_cents: 1_000_000_000_00,
        // Nobody can sign in with a password here.
        password_hash: "none",
      })),
    )
    .onConflict((conflict) => conflict.column("owner").doUpdateSet({ balance_cents: sql`excluded.balance_cents` }))
    .execute();
}

/** Counts what was filled. A bank that starts later goes on from there. */
async function countAll(database: Database): Promise<void> {
  const funnels = createFunnels({ database: database.source, flows: [transfer] });
  const all = [funnels.projection, spending];
  const projections = createProjections({ database: database.source, projections: all });
  await projections.migrate();
  await funnels.migrate();
  await projections.start();
  for (const { name } of all) await projections.caughtUp(name, "now", { timeMs: COUNT_MS });
  await projections.close();
}

/** A UUIDv7 (RFC 9562): 48 bits of time, the version, then random bits. */
function uuidv7(atMs: number): string {
  const time = atMs.toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${crypto.randomUUID().slice(15)}`;
}
