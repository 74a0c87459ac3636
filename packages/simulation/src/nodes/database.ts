import { PGlite } from "@electric-sql/pglite";
import { Kysely, PGliteDialect, PostgresDialect, sql, type Dialect } from "kysely";
import { Pool } from "pg";
import { DatabaseCalls, eventLoopTurn } from "./database-calls.ts";
import type { Tables } from "../../../server/src/flows/rows/tables.ts";
import { withTimeLimit } from "../../../server/src/time-limit.ts";
import { createSessions } from "@sessions/server";

/** The one database of every node, and of the application that they serve. */
export interface SimulatedDatabase {
  /** A connection of a node's own. */
  dialect(): Dialect;
  readonly db: Kysely<Tables>;
  /** Resolves when it has answered all that it can answer now, and all work that follows has finished. */
  readonly waitUntilIdle: () => Promise<void>;
  /** Empties it. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

/** How many statements a real Postgres runs at a time. */
const CONNECTIONS = 40;

/** How long emptying takes at most, in real milliseconds. */
const RESET_MS = 20_000;

/** Triggers that note every write of a session's row: a faulty node may report something else. */
const auditStatements = [
  "create table ledger (owner text, session_id uuid, reference text, primary key (owner, session_id))",
  `create table audit (n bigserial primary key, place text, op text, owner text, session uuid,
    before integer, after integer, due timestamptz, judged timestamptz)`,
  `create function note_write() returns trigger language plpgsql as $$ begin
    insert into public.audit (place, op, owner, session, before, after, due, judged) values (
      tg_argv[0], tg_op, coalesce(new.owner_id, old.owner_id), coalesce(new.id, old.id), old.revision, new.revision,
      (to_jsonb(old)->>'expires_at')::timestamptz, (new.state->>'updatedAt')::timestamptz);
    return null; end $$`,
  ...["session", "session_archive"].map(
    (table) => `create trigger note_write after insert or update or delete on sessions.${table}
      for each row execute function note_write('${table}')`,
  ),
];

/** An embedded Postgres, or an empty database of its own beside the one at `url`; ready for a world that begins at `startMs`. */
export async function openDatabase(startMs: number, url?: string): Promise<SimulatedDatabase> {
  const backend = url === undefined ? await startEmbedded() : await createOnServer(url);
  const db = new Kysely<Tables>({ dialect: backend.dialect() });
  const node = createSessions({
    database: backend.dialect(),
    identify: () => undefined,
    flows: [],
    sweeps: false,
    now: () => startMs,
  });
  await node.migrate();
  await node.close();
  for (const statement of auditStatements) await sql.raw(statement).execute(db);
  const tables = ["session", "session_archive", "session_event", "owner", "device"].map((name) => `sessions.${name}`);
  return {
    dialect: backend.dialect,
    db,
    waitUntilIdle: backend.waitUntilIdle,
    async reset() {
      const emptied = sql.raw(`truncate ${tables.join(", ")}, ledger, audit`).execute(db);
      await withTimeLimit(RESET_MS, emptied, () => {
        throw new Error("The world before has left a transaction open, which keeps the database from all others.");
      });
    },
    close: () => backend.close(),
  };
}

interface Backend {
  dialect(): Dialect;
  readonly waitUntilIdle: () => Promise<void>;
  close(): Promise<void>;
}

async function startEmbedded(): Promise<Backend> {
  const pglite = await PGlite.create();
  // It answers within microtasks.
  return { dialect: () => new PGliteDialect({ pglite }), waitUntilIdle: eventLoopTurn, close: () => pglite.close() };
}

async function createOnServer(url: string): Promise<Backend> {
  const name = `sessions_simulation_${process.pid}`;
  const admin = new Pool({ connectionString: url, max: 1 });
  await admin.query(`create database ${name} template template0`);
  const own = new URL(url);
  own.pathname = `/${name}`;
  const calls = new DatabaseCalls();
  // One pool for all nodes, so that a crashed node leaves no connections. No timers: they would use the simulated clock.
  const pool = new Pool({ connectionString: own.href, max: CONNECTIONS, idleTimeoutMillis: 0 });
  pool.on("error", () => {});
  const lent = { options: pool.options, connect: () => pool.connect(), end: () => Promise.resolve() };
  return {
    dialect: () => calls.countCallsOf(new PostgresDialect({ pool: lent })),
    waitUntilIdle: () => calls.waitUntilIdle(),
    async close() {
      await pool.end();
      await admin.query(`drop database ${name} with (force)`);
      await admin.end();
    },
  };
}
