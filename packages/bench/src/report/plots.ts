import * as Plot from "@observablehq/plot";
import { JSDOM } from "jsdom";
import type { Measurement } from "./result.ts";

/** Submissions a second against callers, both by powers. */
export function plotThroughput({ rows }: Measurement): string {
  return svg({
    x: { type: "log", base: 2, label: "callers", ticks: [1, 8, 64, 256], tickFormat: String },
    y: { type: "log", label: "a second", grid: true, ticks: 4, tickFormat: ",d" },
    marks: lines(rows.map(({ what, at, median }) => ({ x: at ?? 0, y: median, what }))),
  });
}

/** Median latency against ended sessions; none stands at the left edge. */
export function plotHistory({ rows }: Measurement): string {
  const none = 10_000;
  return svg({
    x: {
      type: "log",
      label: "ended sessions",
      ticks: [none, ...new Set(rows.flatMap(({ at }) => (at ? [at] : [])))],
      tickFormat: (at: number) => (at === none ? "0" : at.toLocaleString("en")),
    },
    y: { label: "median, µs", grid: true, zero: true },
    marks: lines(rows.map(({ what, at, median }) => ({ x: at || none, y: median, what }))),
  });
}

interface Point {
  readonly x: number;
  readonly y: number;
  readonly what: string;
}

function lines(points: readonly Point[]): Plot.Markish[] {
  const marks = { x: "x", y: "y", stroke: "what" } as const;
  return [
    Plot.lineY(points, { ...marks, strokeWidth: 2 }),
    Plot.dot(points, { x: "x", y: "y", fill: "what" }),
    Plot.text(
      points,
      Plot.selectLast({ x: "x", y: "y", z: "what", text: "what", textAnchor: "start", dx: 8, fill: "what" }),
    ),
  ];
}

function svg(options: Plot.PlotOptions): string {
  const { document } = new JSDOM("").window;
  const made = Plot.plot({
    document,
    width: 760,
    height: 400,
    marginLeft: 60,
    marginRight: 210,
    marginBottom: 40,
    style: { background: "white", fontFamily: "sans-serif" },
    ...options,
  });
  made.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return `${made.outerHTML}\n`;
}
