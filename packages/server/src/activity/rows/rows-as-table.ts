import { sql, type RawBuilder } from "kysely";

/**
 * Rows as a table in a statement. Each column is one JSON text, because drivers send arrays in different ways. So the text
 * of the statement does not depend on the number of rows, and it can be prepared.
 */
export function rowsAsTable<Row>(
  rows: readonly Row[],
  columns: { readonly [Column in keyof Row & string]: "text" | "timestamptz" | "uuid" | "integer" | "json" },
): RawBuilder<unknown> {
  const lists = Object.entries<string>(columns).map(([column, type]) => {
    const list = JSON.stringify(rows.map((row) => row[column as keyof Row]));
    return sql`array(select json_array_elements_text(${list}::text::json))::${sql.raw(type)}[]`;
  });
  const names = Object.keys(columns).map((column) => sql.ref(column));
  return sql`unnest(${sql.join(lists)}) as input (${sql.join(names)})`;
}
