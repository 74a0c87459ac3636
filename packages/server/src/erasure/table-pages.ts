import { sql, type Kysely } from "kysely";
import type { PersonalTable } from "./personal-tables.ts";
import type { ErasureTables } from "./tables.ts";

/** The names of the tables that a schema has. An application uses some parts of the server. */
export async function tableNames(db: Kysely<ErasureTables>, schema: string): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ name: string }>`
    select table_name as name from information_schema.tables where table_schema = ${schema}`.execute(db);
  return new Set(rows.map(({ name }) => name));
}

/** Deletes a page of an owner's rows. Gives how many. */
export async function deletePage(
  db: Kysely<ErasureTables>,
  schema: string,
  { name, key, erasedIf = "true" }: PersonalTable,
  owner: string,
  limit: number,
): Promise<number> {
  const table = sql.table(`${schema}.${name}`);
  const columns = sql.join(Object.keys(key).map((column) => sql.ref(column)));
  const { rows } = await sql`
    delete from ${table} where owner_id = ${owner} and (${columns}) in (
      select ${columns} from ${table} where owner_id = ${owner} and ${sql.raw(erasedIf)} limit ${limit}::integer
    ) returning 1 as deleted`.execute(db);
  return rows.length;
}

/** An owner's rows that an export holds, as objects, in the order of the table's key. */
export async function* readRows(
  db: Kysely<ErasureTables>,
  schema: string,
  { name, key, exported }: PersonalTable,
  owner: string,
  limit: number,
): AsyncGenerator<object, void, undefined> {
  if (exported === null) return;
  const table = sql.table(`${schema}.${name}`);
  const keyColumns = sql.join(Object.keys(key).map((column) => sql.ref(column)));
  const columns = sql.join(exported.map((column) => sql.ref(column)));
  // The key as text that the same type reads again without a loss.
  const keyText = sql`json_build_array(${sql.join(Object.keys(key).map((column) => sql`${sql.ref(column)}::text`))})::text`;
  const types = Object.values(key);
  let after: readonly string[] | null = null;
  for (;;) {
    const last: readonly string[] | null = after;
    const isLater =
      last === null
        ? sql`true`
        : sql`(${keyColumns}) > (${sql.join(types.map((type, index) => sql`${last[index]}::text::${sql.raw(type)}`))})`;
    const { rows }: { readonly rows: readonly { readonly keytext: string; readonly line: string }[] } = await sql<{
      keytext: string;
      line: string;
    }>`
      select ${keyText} as keytext, (select row_to_json(kept) from (select ${columns}) as kept)::text as line
      from ${table} where owner_id = ${owner} and ${isLater}
      order by ${keyColumns} limit ${limit}::integer`.execute(db);
    for (const { line } of rows) yield JSON.parse(line) as object;
    const lastRow = rows.at(-1);
    if (lastRow === undefined || rows.length < limit) return;
    after = JSON.parse(lastRow.keytext) as readonly string[];
  }
}
