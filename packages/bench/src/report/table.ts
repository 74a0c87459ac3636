import { isTargetMet, type Measurement, type Figure, type MedianRow } from "./result.ts";
import { roundToDigits } from "./statistics.ts";

/** A measurement as Markdown: how it was made, its medians and its ratios. */
export function measurementTable({ title, how, rows, ratios }: Measurement): string {
  return [`## ${title}`, "", how, "", ...medianTable(rows), "", ...figureTable(ratios)].join("\n").trimEnd();
}

/** A line for each variant, and a column for each value of the quantity that was varied. */
function medianTable(rows: readonly MedianRow[]): readonly string[] {
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
export function figureTable(ratios: readonly Figure[]): readonly string[] {
  if (ratios.length === 0) return [];
  const verdict = (ratio: Figure) => ({ true: "met", false: "**missed**", null: "" })[`${isTargetMet(ratio)}`];
  return [
    "| figure | value | target | |",
    "| --- | ---: | ---: | --- |",
    ...ratios.map(
      (ratio) =>
        `| ${ratio.what} | ${numberText(ratio.value)}${ratio.unit ? ` ${ratio.unit}` : ""} | ${targetText(ratio)} | ${verdict(ratio)} |`,
    ),
  ];
}

function targetText({ target }: Figure): string {
  if (target === undefined) return "";
  return "atLeast" in target ? `≥ ${target.atLeast}` : `≤ ${target.atMost}`;
}

function numberText(value: number): string {
  return Number.isInteger(value)
    ? value.toLocaleString("en")
    : roundToDigits(value).toLocaleString("en", { maximumSignificantDigits: 4 });
}
