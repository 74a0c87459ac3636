import type { Kysely } from "kysely";
import { redact, stepOf, type AnyFlow, type Json, type Snapshot } from "@sessions/core/internal";
import { otherTables, personalTables } from "../erasure/personal-tables.ts";
import { readRows, tableNames } from "../erasure/table-pages.ts";
import { sql } from "kysely";
import { loadHistory } from "./rows/history.ts";
import { sessionFromRow, sessionSelection } from "./rows/row.ts";
import type { HistoryBody } from "./rows/stored-session.ts";
import type { Tables } from "./rows/tables.ts";

/** How many rows are in memory at once. A session may be large. */
const SESSIONS_PAGE = 20;
const ROWS_PAGE = 500;

/** A part of what is kept of an owner. `kind` is the name of its table; `session` stands for both tables of sessions. */
export type OwnerRecord = { readonly kind: string } & Readonly<Record<string, unknown>>;

export interface OwnerExportOptions {
  /** Without a schema. */
  readonly db: Kysely<Tables>;
  readonly schema: string;
  /** The flow of a name, if it is known. */
  readonly flowOf?: (name: string) => AnyFlow | undefined;
}

/**
 * Everything that is kept of an owner, a page at a time: sessions and their histories, then the rows of every other part of
 * the server that the schema has. Null stands for the input of a sensitive step, and of one that nobody knows. No secret is
 * in it, and no hash of one.
 */
export async function* exportOwner(
  { db, schema, flowOf = () => undefined }: OwnerExportOptions,
  owner: string,
): AsyncGenerator<OwnerRecord, void, undefined> {
  const tables = await tableNames(db, schema);
  if (tables.has("session")) {
    for (const table of ["session", "session_archive"] as const) {
      for await (const snapshot of readSessions(db.withSchema(schema), table, owner)) {
        const flow = flowOf(snapshot.flow);
        yield { kind: "session", ...redact(flow, snapshot) };
        for (const { body } of await loadHistory(db.withSchema(schema), owner, snapshot.id)) {
          yield { kind: "session_event", ...shownEntry(body, flow, snapshot) };
        }
      }
    }
  }
  for (const table of [...otherTables, ...personalTables]) {
    if (!tables.has(table.name)) continue;
    for await (const row of readRows(db, schema, table, owner, ROWS_PAGE)) yield { kind: table.name, ...row };
  }
}

async function* readSessions(
  db: Kysely<Tables>,
  table: "session" | "session_archive",
  owner: string,
): AsyncGenerator<Snapshot, void, undefined> {
  for (let after = "00000000-0000-0000-0000-000000000000"; ;) {
    const rows = await db
      .selectFrom(table)
      .select(sessionSelection)
      .where("owner_id", "=", owner)
      .where(sql<boolean>`id > ${after}::uuid`)
      .orderBy("id")
      .limit(SESSIONS_PAGE)
      .execute();
    for (const row of rows) {
      const { snapshot } = sessionFromRow(row);
      yield snapshot;
      after = snapshot.id;
    }
    if (rows.length < SESSIONS_PAGE) return;
  }
}

/** An entry without the values of a lift, which are those of earlier entries in another form. */
function shownEntry({ change, output, ...body }: HistoryBody, flow: AnyFlow | undefined, snapshot: Snapshot) {
  if (change.kind !== "submit") return { ...body, change: { kind: change.kind } };
  const { step, data, input } = change;
  const isShown = !isSensitive(step, flow, snapshot);
  const values: Json = isShown ? { data, ...(input !== undefined && { input }) } : { data: null };
  return { ...body, change: { kind: change.kind, step, ...values }, output };
}

/** A step that neither the session nor its flow knows may have been sensitive. */
function isSensitive(step: string, flow: AnyFlow | undefined, { submissions }: Snapshot): boolean {
  const submission = submissions[step];
  if (submission !== undefined) return submission.sensitive === true;
  return (flow && stepOf(flow, step)?.sensitive) ?? true;
}
