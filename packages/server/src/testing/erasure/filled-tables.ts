import type { Pool } from "pg";

interface Column {
  readonly name: string;
  readonly type: string;
}

/** The tables of the schema that have rows of owners, with the columns that a row must have. Partitions are part of their table. */
export async function ownersTables(pool: Pool): Promise<ReadonlyMap<string, readonly Column[]>> {
  const { rows } = await pool.query<{ table: string; columns: Column[] }>(`
    select relname as table, json_agg(json_build_object('name', attname, 'type', format_type(atttypid, null))) as columns
    from pg_attribute join pg_class on pg_class.oid = attrelid
    where relnamespace = 'sessions'::regnamespace and relkind in ('r', 'p') and not relispartition
      and attnum > 0 and not attisdropped and attname <> 'xid' and attidentity = ''
    group by relname
    having bool_or(attname in ('owner_id', 'visitor_id', 'adopted_by'))`);
  return new Map(rows.map(({ table, columns }) => [table, columns]));
}

/** Inserts a row of an owner into a table. Each text and JSON of it holds the canary. */
export async function fillTable(
  pool: Pool,
  table: string,
  columns: readonly Column[],
  owner: string,
  canary: string,
): Promise<void> {
  const values = columns.map(({ name, type }) => (name === "owner_id" ? owner : valueOf(type, canary)));
  const names = columns.map(({ name }) => `"${name}"`);
  const casts = columns.map(({ type }, index) => `$${index + 1}::text::${type}`);
  // Bytes have no cast from text that keeps them as they are.
  const given = casts.map((cast) =>
    cast.endsWith("::bytea") ? `convert_to(${cast.split("::")[0]}::text, 'utf8')` : cast,
  );
  await pool.query(`insert into sessions."${table}" (${names.join()}) values (${given.join()})`, values);
}

function valueOf(type: string, canary: string): string {
  if (type === "uuid") return crypto.randomUUID();
  if (type === "integer" || type === "bigint") return "7";
  if (type === "boolean") return "false";
  if (type === "date") return new Date().toISOString().slice(0, 10);
  if (type.startsWith("timestamp")) return new Date().toISOString();
  return type.startsWith("json") ? JSON.stringify({ canary }) : canary;
}

/** Every row of the schema as text, by table. */
export async function dump(pool: Pool): Promise<ReadonlyMap<string, readonly string[]>> {
  const { rows: tables } = await pool.query<{ name: string }>(`
    select relname as name from pg_class
    where relnamespace = 'sessions'::regnamespace and relkind in ('r', 'p') and not relispartition`);
  const found = new Map<string, readonly string[]>();
  for (const { name } of tables) {
    const { rows } = await pool.query<{ line: string }>(
      `select line::text as line from sessions."${name}" as line order by line::text`,
    );
    found.set(
      name,
      rows.map(({ line }) => line),
    );
  }
  return found;
}

/** Copies the tables, as a backup does, and puts them back. */
export async function backUp(pool: Pool): Promise<() => Promise<void>> {
  const names = [...(await dump(pool)).keys()].filter((name) => !name.includes("migration"));
  await pool.query("create schema backup");
  for (const name of names) await pool.query(`create table backup."${name}" as table sessions."${name}"`);
  return async () => {
    for (const name of names) {
      await pool.query(`delete from sessions."${name}"`);
      await pool.query(`insert into sessions."${name}" overriding system value table backup."${name}"`);
    }
  };
}
