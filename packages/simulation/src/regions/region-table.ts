import type { RegionMeasurement } from "./measure-regions.ts";

const columns = [
  ["start", "startMs"],
  ["draft", "draftMs"],
  ["submission", "submitMs"],
  ["submission with a handler", "handledMs"],
  ["read", "readMs"],
  ["second device", "elsewhereMs"],
] as const;

/** The measurements as a table in Markdown, in milliseconds. */
export function regionTable(measurements: readonly RegionMeasurement[]): string {
  const head = ["person in", "data in", "node beside", ...columns.map(([title]) => title)];
  const rows = measurements.map((one) => [
    one.person,
    one.home,
    one.person === one.home ? "both" : one.node === one.person ? "the person" : "the data",
    // A second device beside the data may show a change before the answer has crossed the sea.
    ...columns.map(([, key]) => Math.round(Math.max(0, one[key])).toLocaleString("en")),
  ]);
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const rule = line([...head.slice(0, 3).map(() => "---"), ...columns.map(() => "---:")]);
  return [line(head), rule, ...rows.map(line)].join("\n");
}
