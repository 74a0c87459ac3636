#!/usr/bin/env node
import { once } from "node:events";
import { Command, InvalidArgumentError } from "commander";
import { sql } from "kysely";
import { SessionsError } from "@sessions/core";
import { exportMonth } from "./export.ts";
import { databaseFault, kyselyOver } from "./postgres/database.ts";
import { Partitions } from "./postgres/partitions.ts";
import { monthsOf, retain, type Retention } from "./retention.ts";
import { createSessions } from "./sessions.ts";
import { verify } from "./verify.ts";

interface Connection {
  readonly databaseUrl?: string;
  readonly schema: string;
}

/** Long enough for any flow: histories are kept this much longer than the sessions that ended in their month. */
const LONGEST_SESSION_MS = 366 * 86_400_000;

const program = new Command("sessions")
  .description("Looks after the tables of @sessions/server.")
  .option("--database-url <url>", "the Postgres to work on (default: DATABASE_URL)")
  .option("--schema <name>", "the schema that holds the tables", "sessions");

program
  .command("migrate")
  .description("create the tables, or bring them up to date")
  .action(() =>
    within(async ({ sessions }) => {
      await sessions.migrate();
      say("The database is up to date.");
    }),
  );

program
  .command("status")
  .description("say how the database is, and what it holds")
  .action(() =>
    within(async ({ sessions, db, partitions, schema }) => {
      await sessions.check();
      const { rows } = await sql<{ active: string; due: string }>`
        select count(*) as active, count(*) filter (where expires_at <= ${new Date().toISOString()}::timestamptz) as due
        from ${sql.table(`${schema}.session`)}`.execute(db);
      const months = await partitions.list();
      const ended = months
        .filter(({ of }) => of === "session_archive")
        .reduce((sum, { rows: count }) => sum + count, 0);
      say(`Active sessions     ${rows[0]?.active ?? 0}, of which ${rows[0]?.due ?? 0} are due to be swept`);
      say(`Ended sessions      about ${ended}`);
      say(`Partitions          ${months.at(0)?.month ?? "none"} to ${months.at(-1)?.month ?? "none"}`);
    }),
  );

program
  .command("sweep")
  .description("end the sessions whose deadline has passed")
  .action(() =>
    within(async ({ sessions }) => {
      const ended = await sessions.sweep({ onProgress: (count) => progress(`${count} ended`) });
      say(`Ended ${ended} sessions.`);
    }),
  );

program
  .command("partitions")
  .description("list the months, make coming ones, drop old ones")
  .option("--ahead <months>", "make partitions for this many months to come", wholeNumber)
  .option("--keep <retention>", 'drop what is older: "forever" or "24 months"', retention)
  .action(({ ahead, keep }: { ahead?: number; keep?: Retention }) =>
    within(async ({ partitions }) => {
      if (ahead !== undefined) await partitions.ensureAhead(Date.now(), ahead);
      if (keep !== undefined) {
        for (const { table } of await retain(partitions, keep, Date.now(), LONGEST_SESSION_MS)) say(`Dropped ${table}`);
      }
      for (const { table, rows } of await partitions.list()) say(`${table}  about ${rows} rows`);
    }),
  );

program
  .command("export <month>")
  .description("write a month's ended sessions (2026-11) to standard output, one JSON line each")
  .action((month: string) => {
    if (!/^\d{4}-(0[1-9]|1[0-2])$/.test(month)) program.error("The month is written as 2026-11.");
    return within(async ({ db }) => {
      let lines = 0;
      for await (const line of exportMonth(db, month)) {
        if (!process.stdout.write(line)) await once(process.stdout, "drain");
        lines += 1;
        if (lines % 10_000 === 0) progress(`${lines} sessions`);
      }
      progress(`${lines} sessions\n`);
    });
  });

program
  .command("verify")
  .description("check every session against its history, and name the first that is broken")
  .action(() =>
    within(async ({ sessions, db, partitions }) => {
      await sessions.check();
      const firstMonth = (await partitions.list()).find(({ of }) => of === "session_archive")?.month;
      const found = await verify(db, { firstMonth, onProgress: (count) => progress(`${count} sessions`) });
      if (found.broken === null) return say(`${found.sessions} sessions are whole.`);
      const { session, reason } = found.broken;
      say(`Session ${session} ${reason}. The ${found.sessions} before it are whole.`);
      process.exitCode = 1;
    }),
  );

await program.parseAsync();

async function within(work: (on: Awaited<ReturnType<typeof connect>>) => Promise<void>): Promise<void> {
  try {
    const connection = await connect();
    try {
      await work(connection);
    } finally {
      await connection.end();
    }
  } catch (error) {
    const fault = databaseFault(error);
    if (fault === undefined) throw error;
    program.error(fault.message, { exitCode: 1 });
  }
}

async function connect() {
  const { databaseUrl = process.env["DATABASE_URL"], schema } = program.opts<Connection>();
  if (!databaseUrl) throw new SessionsError("configuration_invalid", "Set DATABASE_URL, or give --database-url.");
  const { default: pg } = await import("pg").catch(() => {
    throw new SessionsError("configuration_invalid", "Install the package pg beside @sessions/server.");
  });
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 2 });
  pool.on("error", () => {});
  const sessions = createSessions({ database: pool, schema, flows: [], identify: () => undefined, sweeps: false });
  const db = kyselyOver(pool);
  return {
    schema,
    sessions,
    db: db.withSchema(schema),
    partitions: new Partitions(db, schema),
    end: async () => {
      await sessions.close();
      await pool.end();
    },
  };
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** On standard error, and only for somebody who watches. */
function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${text}`);
}

function wholeNumber(text: string): number {
  if (!/^\d{1,3}$/.test(text)) throw new InvalidArgumentError("A whole number of months.");
  return Number(text);
}

function retention(text: string): Retention {
  const keep = text as Retention;
  try {
    monthsOf(keep);
  } catch {
    throw new InvalidArgumentError('"forever", or a number of months such as "24 months".');
  }
  return keep;
}
