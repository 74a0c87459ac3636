import type { Kysely } from "kysely";
import { redact, stepOf, type AnyFlow, type Json, type Snapshot } from "@sessions/core/internal";
import { otherTables, personalTables } from "../erasure/personal-tables.ts";
import { readRows, tableNames } from "../erasure/table-pages.ts";
import { sql } from "kysely";
import { loadHistory } from "./rows/history/history.ts";
import { keylessCipher } from "../secrets/owner-cipher.ts";
import type { HistoryEntry } from "./rows/history/history-entry.ts";
import { sessionFromRow, sessionSelection, type CipherOf } from "./rows/row.ts";
import type { Tables } from "./rows/tables.ts";
import { LEAST_ID } from "../postgres/values.ts";

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
  /** The ciphers of owners. Without it, nothing is sealed. */
  readonly cipherOf?: CipherOf | undefined;
}

/**
 * Everything that is kept of an owner, a page at a time: sessions and their histories, then the rows of every other part of
 * the server that the schema has. Null stands for the input of a sensitive step, and of one that nobody knows. No secret is
 * in it, and no hash of one.
 *
 * @throws {SessionsError} `sealed_invalid`; `keys_missing` if something is sealed and there is no `cipherOf`.
 */
export async function* exportOwner(
  { db, schema, flowOf = () => undefined, cipherOf = () => keylessCipher }: OwnerExportOptions,
  owner: string,
): AsyncGenerator<OwnerRecord, void, undefined> {
  const tables = await tableNames(db, schema);
  if (tables.has("session")) {
    for (const table of ["session", "session_archive"] as const) {
      for await (const snapshot of readSessions(db.withSchema(schema), cipherOf, table, owner)) {
        const flow = flowOf(snapshot.flow);
        yield { kind: "session", ...redact(flow, snapshot) };
        for (const entry of await loadHistory(db.withSchema(schema), owner, snapshot.id, await cipherOf(owner))) {
          yield { kind: "session_event", ...shownEntry(entry, flow, snapshot) };
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
  cipherOf: CipherOf,
  table: "session" | "session_archive",
  owner: string,
): AsyncGenerator<Snapshot, void, undefined> {
  for (let after = LEAST_ID; ;) {
    const rows = await db
      .selectFrom(table)
      .select(sessionSelection)
      .where("owner_id", "=", owner)
      .where(sql<boolean>`id > ${after}::uuid`)
      .orderBy("id")
      .limit(SESSIONS_PAGE)
      .execute();
    for (const row of rows) {
      const { snapshot } = await sessionFromRow(cipherOf, owner, row);
      yield snapshot;
      after = snapshot.id;
    }
    if (rows.length < SESSIONS_PAGE) return;
  }
}

/** An entry without the values of a lift, which are those of earlier entries in another form, and without what is hidden. */
function shownEntry({ body, content }: HistoryEntry, flow: AnyFlow | undefined, snapshot: Snapshot) {
  const { change, content: _digest, sensitive: wasSensitive, lifted: _, ...rest } = body;
  const shown = { ...rest, device: { id: body.device, name: content.device ?? "" } };
  if (change.kind !== "submit") return { ...shown, change: { kind: change.kind } };
  const { data = null, input, output = null, result } = content;
  const isShown = !wasSensitive && !isSensitive(change.step, flow, snapshot);
  const values: Json = isShown ? { data, ...(input !== undefined && { input }) } : { data: null };
  return { ...shown, change: { ...change, ...values }, output, ...(result !== undefined && { result }) };
}

/** A step that neither the session nor its flow knows may have been sensitive. */
function isSensitive(step: string, flow: AnyFlow | undefined, { submissions }: Snapshot): boolean {
  const submission = submissions[step];
  if (submission !== undefined) return submission.sensitive === true;
  return (flow && stepOf(flow, step)?.sensitive) ?? true;
}
