import { Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { z } from "zod";
import {
  defineFlow,
  PROTOCOL_VERSION,
  step,
  type CancelCommand,
  type Command,
  type Device,
  type Json,
  type StartCommand,
  type SubmitCommand,
} from "@sessions/core/internal";
import * as commands from "../../../core/src/testing/commands.ts";
import {
  createSessions,
  maxCompletions,
  maxOpenSessions,
  serve,
  type DatabaseKind,
  type Sessions,
  type SessionsOptions,
} from "../index.ts";
import { directUrls } from "./connections/direct-url.ts";

declare module "../postgres/application-tables.ts" {
  interface ApplicationTables {
    ledger: { session_id: string; owner: string; cents: number; reference: string };
  }
}

/** The flow that the server's tests run. */
export const transfer = defineFlow({
  name: "transfer",
  version: 1,
  steps: {
    recipient: step({ input: z.object({ name: z.string().min(1), iban: z.string() }) }),
    amount: step({
      input: z.object({ cents: z.int().positive(), note: z.string().optional() }),
      output: z.object({ feeCents: z.int() }),
    }),
    review: step({ input: z.object({ accepted: z.literal(true) }), dependsOn: ["recipient", "amount"], confirm: true }),
  },
  result: z.object({ reference: z.string() }),
  expires: { idle: "72h", absolute: "30d" },
});

/** A flow without handlers or limits, for tests that are about revisions alone. */
export const notes = defineFlow({
  name: "notes",
  version: 1,
  steps: {
    left: step({ input: z.object({ text: z.string() }) }),
    middle: step({ input: z.object({ text: z.string() }), dependsOn: ["left"] }),
    right: step({ input: z.record(z.string(), z.json()) }),
    end: step({ input: z.object({}) }),
  },
});

/** The kind of Postgres whose flags are used on plain PostgreSQL, if a run of the suite sets it. */
const databaseKindUnderTest = process.env["SESSIONS_TEST_DATABASE_KIND"] as DatabaseKind | undefined;

export interface Context {
  readonly user: string | undefined;
}

/** A node of the test bank over a database: `migrate` it once. */
export function createBank(
  database: SessionsOptions<Context>["database"],
  {
    onComplete,
    ...options
  }: Partial<Omit<SessionsOptions<Context>, "database" | "flows">> & { readonly onComplete?: () => Promise<void> } = {},
): Sessions {
  const direct = directUrls.get(database);
  const sessions = createSessions<Context>({
    database,
    identify: ({ user }) => user !== undefined && { owner: user },
    onError: () => {},
    ...(databaseKindUnderTest && { databaseKind: databaseKindUnderTest }),
    // The pooler's version may not support prepared statements.
    ...(direct !== undefined && { prepare: false }),
    ...options,
    flows: [
      serve(notes, {}),
      serve(transfer, {
        limits: [
          maxCompletions({ atMost: 20, per: "month", timeZone: "Europe/Brussels" }),
          maxOpenSessions({ atMost: 70 }),
        ],
        steps: {
          amount: ({ input, refuse }) => {
            if (input.cents === 66_600) throw new Error(`Secret ${input.cents}`);
            return input.cents > 5_000_000 ? refuse("Above the daily ceiling.") : { feeCents: 25 };
          },
        },
        complete: async ({ data, owner, session, tx }) => {
          const reference = `R-${session.id}`;
          await tx
            .insertInto("ledger")
            .values({ session_id: session.id, owner, cents: data.amount.cents, reference })
            .execute();
          await onComplete?.();
          return { reference };
        },
      }),
    ],
  });
  if (direct !== undefined) return { ...sessions, migrate: () => migrateAt(direct) };
  // The statements of a distributed Postgres run on a plain one here. It distributes no tables.
  return databaseKindUnderTest === "citus" && options.databaseKind === undefined
    ? {
        ...sessions,
        migrate: () => createBank(database, { ...options, databaseKind: "postgres", sweeps: false }).migrate(),
      }
    : sessions;
}

/** Migrates at the address of Postgres itself, as an application behind a pooler must. */
async function migrateAt(directUrl: string): Promise<void> {
  const pool = new Pool({ connectionString: directUrl, max: 1 });
  await createBank(pool, { sweeps: false }).migrate();
  await pool.end();
}

/** The application's own table, in the schema that the search path names. */
export async function createLedger(pool: { query(text: string): Promise<unknown> }): Promise<void> {
  await pool.query("create table ledger (session_id uuid primary key, owner text, cents integer, reference text)");
}

export interface LedgerRow {
  readonly session_id: string;
  readonly owner: string;
}

export async function ledgerOf(pool: Pool, owner: string): Promise<readonly LedgerRow[]> {
  const { rows } = await pool.query<LedgerRow>("select session_id, owner from ledger where owner = $1", [owner]);
  return rows;
}

/**
 * One device of an owner, which calls a node.
 *
 * @example
 * const ada = new Teller(node, "ada", "Phone");
 * const session = uuidv7();
 * const { outcomes, snapshots } = await ada.push(start(session), submit(session, "amount", { cents: 5 }));
 */
export class TestClient {
  readonly device: Device;
  readonly caller: ReturnType<Sessions["router"]["createCaller"]>;

  constructor(node: Sessions, owner: string | undefined, deviceName = "Test device") {
    this.device = { id: uuidv7(), name: deviceName };
    this.caller = node.router.createCaller({ user: owner });
  }

  push(...sent: readonly Command[]) {
    return this.caller.push({ protocol: PROTOCOL_VERSION, device: this.device, commands: [...sent] });
  }

  /** Pushes one command and gives its outcome. */
  async one(command: Command) {
    const { outcomes } = await this.push(command);
    return outcomes[0]!;
  }

  async read(session: string) {
    return (await this.caller.read({ session })).session;
  }

  async list(flow: string | null = null) {
    return this.caller.list({ flow, limit: 100, after: null });
  }

  /** Starts a transfer and submits all but the review; returns the id and the command that would complete it. */
  async untilReview(): Promise<{ readonly session: string; readonly review: Command }> {
    const session = uuidv7();
    const recipient = submit(session, "recipient", { name: "Grace", iban: "BE71096123456769" });
    const amount = submit(session, "amount", { cents: 12_300 });
    const { outcomes } = await this.push(start(session), recipient, amount);
    const refused = outcomes.find(({ status }) => status === "refused");
    if (refused) throw new Error(`Not at the review: ${JSON.stringify(refused)}`);
    const seen = { review: null, recipient: recipient.id, amount: amount.id };
    return { session, review: submit(session, "review", { accepted: true }, seen) };
  }
}

export function start(session: string, flow = "transfer"): StartCommand {
  return commands.start(session, flow, { id: uuidv7() });
}

export function submit(
  session: string,
  stepName: string,
  input: Json,
  seen: Record<string, string | null> = {},
): SubmitCommand {
  return commands.submit(session, stepName, input, { id: uuidv7(), seen });
}

export function cancel(session: string): CancelCommand {
  return commands.cancel(session, { id: uuidv7() });
}

/** A draft of one field, typed at a moment (milliseconds since 1970). */
export function draft(session: string, stepName: string, field: string, value: Json, atMs = Date.now()): Command {
  const fields = commands.typedBy({ id: uuidv7() }, { [field]: value }, atMs);
  return commands.draft(session, stepName, fields, { id: uuidv7() });
}
