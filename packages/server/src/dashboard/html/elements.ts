import type { Count } from "../count.ts";
import { formatDuration, formatNumber, moment } from "./format.ts";
import { html, type Html, type HtmlValue } from "./html.ts";

export interface Column {
  readonly title: string;
  /** Whether it holds numbers, which end at the same place. */
  readonly isNumber?: boolean;
}

/** A table with a caption. The first cell of each row is the row's header. `empty` stands in place of no rows. */
export function table({
  caption,
  columns,
  rows,
  empty,
}: {
  readonly caption: string;
  readonly columns: readonly (Column | string)[];
  readonly rows: readonly (readonly HtmlValue[])[];
  readonly empty: string;
}): Html {
  if (rows.length === 0) return html`<p class="empty">${caption}: ${empty}</p>`;
  const known = columns.map((column) => (typeof column === "string" ? { title: column } : column));
  const kind = (index: number) => (known[index]?.isNumber ? html` class="number"` : "");
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0">
    <table>
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          ${known.map(({ title }, index) => html`<th scope="col" ${kind(index)}>${title}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (cells) =>
            html`<tr>
              ${cells.map((cell, index) =>
                index === 0 ? html`<th scope="row">${cell}</th>` : html`<td${kind(index)}>${cell}</td>`,
              )}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

/** A plot, and the numbers in it as a table that a reader opens. */
export function plotWithTable(plot: Html, numbers: { readonly title: string; readonly table: Html }): Html {
  return html`<div>
    ${plot}
    <details>
      <summary>${numbers.title}</summary>
      ${numbers.table}
    </details>
  </div>`;
}

/** Named values. */
export function facts(values: readonly (readonly [name: string, value: HtmlValue])[]): Html {
  return html`<dl class="facts">
    ${values.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`;
}

/** A count, with its age. Null if nobody knows it. */
export function countValue(count: Count | null, ageMs: number): Html {
  if (count === null) return html`<span>Not known</span> <small>Postgres has not analysed the table yet</small>`;
  const rows = formatNumber(count.rows);
  switch (count.how) {
    case "counted":
      return html`<span>${rows}</span> <small>${ageText(ageMs)}</small>`;
    case "at_least":
      return html`<span>${rows} or more</span> <small>${ageText(ageMs)}</small>`;
    case "estimated": {
      const analysed = count.analysedMs ?? null;
      const when = analysed === null ? "" : html`, analysed at ${moment(analysed)}`;
      return html`<span>about ${rows}</span> <small>estimated by Postgres${when}</small>`;
    }
  }
}

export function ageText(ageMs: number): string {
  return ageMs < 1_000 ? "as of now" : `as of ${formatDuration(ageMs)} ago`;
}

/** A sentence about the age of the numbers around it. */
export function ageNote(ageMs: number): Html {
  return html`<p class="age">
    Read ${ageMs < 1_000 ? "just now" : `${formatDuration(ageMs)} ago`}. All times are UTC.
  </p>`;
}
