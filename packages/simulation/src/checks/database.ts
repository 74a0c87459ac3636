import { sql, type Kysely } from "kysely";
import type { Tables } from "../../../server/src/flows/rows/tables.ts";
import { verify } from "../../../server/src/flows/verification/verify.ts";
import { MAX_COMPLETIONS, MAX_OPEN } from "../flows.ts";
import { SpecBrokenError, shortId } from "../journal.ts";
import type { ReplyChecks } from "./replies.ts";

interface Counts {
  readonly ledger: number;
  readonly completed: number;
  readonly most: number;
  readonly open: number;
}

interface AuditRow {
  readonly n: string;
  readonly place: "session" | "session_archive";
  readonly op: "INSERT" | "UPDATE" | "DELETE";
  readonly owner: string;
  readonly session: string;
  readonly before: number | null;
  readonly after: number | null;
  readonly late: boolean | null;
}

/**
 * Checks the database. Triggers note every write of a session's row, because a faulty node may report something else.
 *
 * For example, the notes "UPDATE 3 → 4, UPDATE 3 → 4" mean that two nodes gave the same revision: S3. At rest the whole
 * history must verify, and hold every command that a node has acknowledged.
 */
export class DatabaseChecks {
  readonly #db: Kysely<Tables>;
  readonly #sessions = new Map<string, { revision: number; place: "session" | "between" | "session_archive" }>();
  #read = "0";

  constructor(db: Kysely<Tables>) {
    this.#db = db;
  }

  /** Checks every write since the last call. @throws {SpecBrokenError} */
  async check(nowMs: number): Promise<void> {
    const { rows } = await sql<AuditRow>`
      select n::text, place, op, owner, session, before, after, judged >= due as late
      from audit where n > ${this.#read}::bigint order by audit.n`.execute(this.#db);
    for (const entry of rows) this.#follow(entry);
    this.#read = rows.at(-1)?.n ?? this.#read;
    const at = new Date(nowMs).toISOString();
    const counted = await sql<Counts>`
      select (select count(*)::int from ledger) as ledger,
        (select count(*)::int from sessions.session_archive where flow = 'transfer' and status = 'completed') as completed,
        (select coalesce(max(count), 0)::int from (select count(*) from ledger group by owner) as owners) as most,
        (select coalesce(max(count), 0)::int from (select count(*) from sessions.session
          where flow = 'transfer' and expires_at > ${at}::timestamptz group by owner_id) as owners) as open`.execute(
      this.#db,
    );
    const { ledger, completed, most, open } = counted.rows[0]!;
    if (ledger !== completed)
      throw new SpecBrokenError("S5", `${completed} transfers are completed and ${ledger} in the ledger`);
    if (most > MAX_COMPLETIONS)
      throw new SpecBrokenError("S5", `an owner completed ${most} transfers of ${MAX_COMPLETIONS}`);
    if (open > MAX_OPEN) throw new SpecBrokenError("S5", `an owner has ${open} transfers open of ${MAX_OPEN}`);
  }

  #follow({ place, op, owner, session, before, after, late }: AuditRow): void {
    const key = `${owner} ${session}`;
    const known = this.#sessions.get(key);
    const requireThat = (promise: string, holds: boolean, what: string) => {
      if (!holds) throw new SpecBrokenError(promise, `session ${shortId(session)} ${what}`);
    };
    if (place === "session_archive") {
      requireThat("S6", op === "INSERT", `was changed in the archive (${op})`);
      requireThat("S6", known?.place === "between", "was archived from nowhere");
      requireThat("S3", after === known!.revision + 1, `ended at revision ${after} after ${known!.revision}`);
    } else if (op === "INSERT") {
      requireThat("S6", known === undefined, "began again");
      requireThat("S3", after === 1, `began at revision ${after}`);
    } else if (op === "UPDATE") {
      requireThat("S3", after === before! + 1, `went from revision ${before} to ${after}`);
      requireThat("S7", late !== true, "was changed after its deadline");
    }
    const where = op === "DELETE" ? "between" : place;
    this.#sessions.set(key, { revision: after ?? before!, place: where });
  }

  /**
   * At rest: verifies the whole history. It must have every acknowledged command, and none that no person gave. Returns
   * the revision of each command that took effect, by owner and command.
   */
  async checkAtRest(replies: ReplyChecks, commandIds: ReadonlySet<string>): Promise<ReadonlyMap<string, number>> {
    const { broken } = await verify(this.#db.withSchema("sessions"));
    if (broken !== null) {
      const what = broken.session === null ? "an owner" : `session ${shortId(broken.session)}`;
      throw new SpecBrokenError("S15", `${what} ${broken.reason}`);
    }
    const { rows } = await sql<{ owner: string; command: string | null; kind: string; revision: number }>`
      select owner_id as owner, body->>'command' as command, body->'change'->>'kind' as kind, revision
      from sessions.session_event`.execute(this.#db);
    const revisions = new Map<string, number>();
    for (const { owner, command, kind, revision } of rows) {
      if (command === null) continue;
      if (revisions.has(`${owner} ${command}`))
        throw new SpecBrokenError("S2", `${shortId(command)} took effect twice`);
      if (kind !== "start" && !commandIds.has(command))
        throw new SpecBrokenError("S2", `${shortId(command)} was asked for by nobody`);
      revisions.set(`${owner} ${command}`, revision);
    }
    for (const [key, revision] of replies.accepted) {
      if (revisions.get(key) !== revision)
        throw new SpecBrokenError("S14", `${shortId(key)} was acknowledged and is not there`);
    }
    return revisions;
  }
}
