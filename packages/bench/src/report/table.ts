import { isMet, type Measured, type Ratio, type Row } from "./result.ts";
import { rounded } from "./statistics.ts";

/** A measurement as Markdown: how it was made, its medians and its ratios. */
export function tableOf({ title, how, rows, ratios }: Measured): string {
  return [`## ${title}`, "", how, "", ...mediansOf(rows), "", ...ratiosOf(ratios)].join("\n").trimEnd();
}

/** A line for each variant, and a column for each value of the quantity that was varied. */
function mediansOf(rows: readonly Row[]): readonly string[] {
  const columns = [...new Set(rows.map(({ at }) => at))];
  const lines = [...new Set(rows.map(({ what, unit }) => `${what} (${unit})`))];
  const cell = (line: string, at: number | null) => {
    const row = rows.find((each) => `${each.what} (${each.unit})` === line && each.at === at);
    return row ? numberText(row.median) : "";
  };
  return [
    `| median of the rounds | ${columns.map((at) => (at === null ? "" : numberText(at))).join(" | ")} |`,
    `| --- |${columns.map(() => " ---: |").join("")}`,
    ...lines.map((line) => `| ${line} | ${columns.map((at) => cell(line, at)).join(" | ")} |`),
  ];
}

/** One line a figure, with its target and whether it is met. */
export function ratiosOf(ratios: readonly Ratio[]): readonly string[] {
  if (ratios.length === 0) return [];
  const verdict = (ratio: Ratio) => ({ true: "met", false: "**missed**", null: "" })[`${isMet(ratio)}`];
  return [
    "| figure | value | target | |",
    "| --- | ---: | ---: | --- |",
    ...ratios.map(
      (ratio) =>
        `| ${ratio.what} | ${numberText(ratio.value)}${ratio.unit ? ` ${ratio.unit}` : ""} | ${targetText(ratio)} | ${verdict(ratio)} |`,
    ),
  ];
}

function targetText({ target }: Ratio): string {
  if (target === undefined) return "";
  return "atLeast" in target ? `≥ ${target.atLeast}` : `≤ ${target.atMost}`;
}

function numberText(value: number): string {
  return Number.isInteger(value)
    ? value.toLocaleString("en")
    : rounded(value).toLocaleString("en", { maximumSignificantDigits: 4 });
}
