import type { Pool } from "pg";

/** How many sessions are written to in turns. */
const OPEN_SESSIONS = 2_000;

/** How many entries one statement writes, as a busy node does. */
const ENTRIES = 50;

/** Fills the history with copies of the sessions that it has. Gives the number of its entries. */
export async function copySessions(pool: Pool, entries: number): Promise<number> {
  const { rows } = await pool.query<{ entries: number }>(
    "select count(*)::integer as entries from sessions.session_event",
  );
  const copies = Math.ceil(entries / rows[0]!.entries);
  await pool.query(
    `with copied as materialized (
      select owner_id || '-' || copy as owner_id, session_id, gen_random_uuid() as id from generate_series(1, $1::integer) as copy
      cross join (select distinct owner_id, session_id from sessions.session_event) as sessions)
    insert into sessions.session_event (owner_id, session_id, entry, revision, at, body, content, hash)
    select copied.owner_id, copied.id, entry, revision, at,
      replace(body::text, event.session_id::text, copied.id::text)::json, content, hash
    from copied join sessions.session_event as event using (session_id)`,
    [copies],
  );
  const { rows: all } = await pool.query<{ entries: number }>(
    "select count(*)::integer as entries from sessions.session_event",
  );
  return all[0]!.entries;
}

/** The text of an entry of which the copies are. */
interface EntryText {
  readonly body: string;
  readonly content: string;
}

/** Writes entries to the history of sessions at a steady rate. */
export class LogWriter {
  readonly #pool: Pool;
  readonly #sessions: readonly { readonly id: string; entry: number }[];
  readonly #row: EntryText;
  #next = 0;

  private constructor(pool: Pool, ids: readonly string[], row: EntryText) {
    this.#pool = pool;
    this.#sessions = ids.map((id) => ({ id, entry: 0 }));
    this.#row = row;
  }

  static async create(pool: Pool): Promise<LogWriter> {
    const { rows } = await pool.query<{ id: string }>(
      "select gen_random_uuid()::text as id from generate_series(1, $1)",
      [OPEN_SESSIONS],
    );
    const { rows: found } = await pool.query<EntryText>(
      "select body::text, content::text from sessions.session_event where entry = 2 limit 1",
    );
    return new LogWriter(
      pool,
      rows.map(({ id }) => id),
      found[0]!,
    );
  }

  /** Writes for so long. `written` gets the newest entry of each statement. Gives the times of the statements, in milliseconds. */
  async write(
    ms: number,
    entriesPerSecond: number,
    written: (session: string, entry: number, startedMs: number) => void = () => {},
  ): Promise<readonly number[]> {
    const pauseMs = (1_000 * ENTRIES) / entriesPerSecond;
    const startedMs = performance.now();
    const statements: Promise<number>[] = [];
    for (let tick = 0; tick * pauseMs < ms; tick += 1) {
      const waitMs = startedMs + tick * pauseMs - performance.now();
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      statements.push(this.#insert(written));
    }
    return Promise.all(statements);
  }

  async #insert(written: (session: string, entry: number, startedMs: number) => void): Promise<number> {
    const startedMs = performance.now();
    const rows = Array.from({ length: ENTRIES }, () => this.#nextEntry());
    await this.#pool.query({
      name: "write_entries",
      text: `insert into sessions.session_event (owner_id, session_id, entry, revision, at, body, content, hash)
        select 'live ' || session, session, entry, entry, now(), $3::json, $4::json, '\\x00' from unnest($1::uuid[], $2::integer[]) as given (session, entry)`,
      values: [rows.map(({ id }) => id), rows.map(({ entry }) => entry), this.#row.body, this.#row.content],
    });
    const last = rows.at(-1)!;
    written(last.id, last.entry, startedMs);
    return performance.now() - startedMs;
  }

  #nextEntry() {
    const session = this.#sessions[this.#next % OPEN_SESSIONS]!;
    this.#next += 1;
    session.entry += 1;
    return { id: session.id, entry: session.entry };
  }
}
