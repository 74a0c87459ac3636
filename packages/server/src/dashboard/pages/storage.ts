import { ageNote, table } from "../html/elements.ts";
import { formatBytes, formatNumber, moment } from "../html/format.ts";
import { html, type HtmlValue } from "../html/html.ts";
import { link, nextLink } from "../html/link.ts";
import { listMonthlyTables, listStored, type StoredTable } from "../rows/storage.ts";
import { textOf, type Answer, type PageContext, type PageRequest } from "./page-context.ts";

const PAGE_SIZE = 40;

/** The tables of the schema, their sizes, and the months that are kept. */
export async function storage(context: PageContext, { query }: PageRequest): Promise<Answer> {
  const of = textOf(query, "of");
  const after = textOf(query, "after");
  const { value, atMs } = await context.readings.get(`storage ${of} ${after}`, async (source) => ({
    tables: await listStored(source, { of, after, limit: PAGE_SIZE + 1 }),
    monthly: of === null && after === null ? await listMonthlyTables(source) : [],
  }));
  const shown = value.tables.slice(0, PAGE_SIZE);
  const next = value.tables.length > PAGE_SIZE ? (shown.at(-1)?.name ?? null) : null;
  const content: HtmlValue[] = [
    ageNote(context.now() - atMs),
    html`<p>The numbers of rows are Postgres' own estimates. No table is read for them.</p>`,
    table({
      caption: of === null ? "Tables" : `Months of ${of}`,
      columns: [
        "Table",
        ...["Size", "Of which indexes", "Rows, about", "Dead rows, about"].map(numbers),
        "Analysed",
        "Vacuumed",
      ],
      rows: shown.map(rowOf),
      empty: "there is none.",
    }),
    nextLink(next, "storage", { of }),
  ];
  if (of !== null) content.push(html`<p>${link("All tables", "storage")}</p>`);
  if (value.monthly.length > 0) {
    content.push(
      table({
        caption: "Tables by month",
        columns: ["Table", numbers("Months"), "From", "To", numbers("Size"), numbers("Rows, about")],
        rows: value.monthly.map(({ name, months, firstMonth, lastMonth, bytes, rows }) => [
          link(name, "storage", { of: name }),
          months,
          firstMonth ?? "",
          lastMonth ?? "",
          formatBytes(bytes),
          rows === null ? "not analysed" : formatNumber(rows),
        ]),
        empty: "there is none.",
      }),
      html`<p>Every month is kept until <code>sessions partitions --keep</code> drops it.</p>`,
    );
  }
  return { title: of === null ? "Storage" : `Storage of ${of}`, content };
}

const numbers = (title: string) => ({ title, isNumber: true });

function rowOf({ name, bytes, indexBytes, rows, deadRows, analysedMs, vacuumedMs }: StoredTable): readonly HtmlValue[] {
  return [
    name,
    formatBytes(bytes),
    formatBytes(indexBytes),
    rows === null ? "not analysed" : formatNumber(rows),
    deadRows === null ? "not known" : formatNumber(deadRows),
    analysedMs === null ? "never" : moment(analysedMs),
    vacuumedMs === null ? "never" : moment(vacuumedMs),
  ];
}
