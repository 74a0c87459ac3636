import { PGlite } from "@electric-sql/pglite";
import { Kysely, PGliteDialect, PostgresDialect, sql, type Dialect } from "kysely";
import { Pool } from "pg";
import type { Tables } from "../../server/src/postgres/tables.ts";
import { createSessions } from "@sessions/server";

/** The one database of every node, and of the application that they serve. */
export interface SimulatedDatabase {
  /** A connection of a node's own. */
  dialect(): Dialect;
  readonly db: Kysely<Tables>;
  /** Empties it. */
  reset(): Promise<void>;
  close(): Promise<void>;
}

/** Every write of a session's row, as a trigger noted it: what nodes say of themselves is not believed. */
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
  const engine = url === undefined ? await embedded() : await served(url);
  const db = new Kysely<Tables>({ dialect: engine.dialect() });
  const node = createSessions({
    database: engine.dialect(),
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
    dialect: engine.dialect,
    db,
    async reset() {
      await sql.raw(`truncate ${tables.join(", ")}, ledger, audit`).execute(db);
    },
    close: () => engine.close(),
  };
}

interface Engine {
  dialect(): Dialect;
  close(): Promise<void>;
}

async function embedded(): Promise<Engine> {
  const pglite = await PGlite.create();
  return { dialect: () => new PGliteDialect({ pglite }), close: () => pglite.close() };
}

async function served(url: string): Promise<Engine> {
  const name = `sessions_simulation_${process.pid}`;
  const admin = new Pool({ connectionString: url, max: 1 });
  await admin.query(`create database ${name} template template0`);
  const own = new URL(url);
  own.pathname = `/${name}`;
  const pools: Pool[] = [];
  return {
    dialect() {
      const pool = new Pool({ connectionString: own.href, max: 4 });
      pool.on("error", () => {});
      pools.push(pool);
      return new PostgresDialect({ pool });
    },
    async close() {
      await Promise.all(pools.map((pool) => pool.end()));
      await admin.query(`drop database ${name} with (force)`);
      await admin.end();
    },
  };
}
