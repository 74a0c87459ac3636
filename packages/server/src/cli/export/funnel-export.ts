import { funnelMigrations } from "../../funnels/rows/migrations.ts";
import { funnelViews, listFunnelRows, type FunnelView } from "../../funnels/rows/views.ts";
import { checkMigrated } from "../../postgres/migrations.ts";
import type { Report } from "../command-runner.ts";
import type { Connection } from "../connection.ts";
import { parquetFileOf } from "./parquet.ts";
import type { Output } from "../terminal/output.ts";

/** How an export is written. */
export type ExportFormat = "ndjson" | "parquet";

/** Writes the rows of a view of funnels. */
export async function exportFunnels(
  { db, schema, hasTable }: Connection,
  output: Output,
  view: FunnelView,
  format: ExportFormat,
): Promise<Report | null> {
  const migrations = funnelMigrations(schema);
  if (!(await hasTable(migrations.table))) {
    const option = schema === "sessions" ? "" : ` --schema ${schema}`;
    output.note(`The schema "${schema}" has no tables of funnels: run \`sessions migrate --funnels${option}\`.`);
    return { lines: [], json: { funnels: null }, failed: true };
  }
  await checkMigrated(db, schema, migrations);
  const rows = await listFunnelRows(db, schema, view);
  if (format === "parquet") await output.write(await parquetFileOf(funnelViews[view], rows));
  else for (const row of rows) await output.write(`${JSON.stringify(row)}\n`);
  output.note(`${rows.length} rows of funnel_${view}.`);
  return null;
}
