import { mkdir, readFile, writeFile } from "node:fs/promises";
import { cpus, totalmem } from "node:os";
import { settings, POOL_SIZE } from "../servers/database.ts";
import { plotHistory, plotThroughput } from "./plots.ts";
import type { Measurement } from "./result.ts";
import { figureTable, measurementTable } from "./table.ts";

const docs = new URL("../../../../docs/", import.meta.url);
/** Text below this line was written by people. It stays when the page is written again. */
const READING = "## What the numbers mean";

/** Writes the numbers as JSON, the page that is made from them and its plots. Measurements not made now are kept. */
export async function writeReport(found: readonly Measurement[], cores: number): Promise<void> {
  const folder = new URL("benchmarks/", docs);
  await mkdir(folder, { recursive: true });
  const results = new URL("results.json", folder);
  const before = await textOf(results);
  // Written by this function.
  const earlier = before === "" ? [] : (JSON.parse(before) as { measured: readonly Measurement[] }).measured;
  const measured = [...earlier.filter(({ name }) => !found.some((each) => each.name === name)), ...found].toSorted(
    (a, b) => order.indexOf(a.name) - order.indexOf(b.name),
  );
  const machine = {
    cores,
    processor: cpus()[0]?.model ?? "unknown",
    memoryGb: Math.round(totalmem() / 1e9),
    node: process.version,
    postgres: "18, from npm, on loopback",
    settings,
    poolSize: POOL_SIZE,
  };
  await writeFile(results, `${JSON.stringify({ machine, measured }, null, 2)}\n`);

  const callers = measured.find(({ name }) => name === "submits");
  const history = measured.find(({ name }) => name === "history");
  if (callers) await writeFile(new URL("throughput.svg", folder), plotThroughput(callers));
  if (history) await writeFile(new URL("history.svg", folder), plotHistory(history));

  const page = new URL("benchmarks.md", docs);
  const old = await textOf(page);
  const reading = old.includes(READING) ? old.slice(old.indexOf(READING)) : `${READING}\n`;
  const pictures: Readonly<Record<string, string>> = {
    submits: "\n\n![Submissions a second against callers](benchmarks/throughput.svg)",
    history: "\n\n![Latency against ended sessions](benchmarks/history.svg)",
  };
  const sections = measured.map((each) => `${measurementTable(each)}${pictures[each.name] ?? ""}`);
  await writeFile(
    page,
    [
      "# Benchmarks",
      "`pnpm bench` writes this page, except for its last section, and [its numbers](benchmarks/results.json). One run " +
        "measures everything that is compared, in turns and in several rounds. The first round does not count. Each " +
        "number is the median of the other rounds.",
      `Made on ${machine.cores} cores (${machine.processor}, ${machine.memoryGb} GB), which the server, Postgres and ` +
        `the load share. Node ${machine.node}, PostgreSQL ${machine.postgres}, pools of ${POOL_SIZE}. Postgres ` +
        `waits for the disk: \`fsync\`, \`full_page_writes\` and \`synchronous_commit\` are on. ` +
        `These settings were changed: ${settings.map((setting) => `\`${setting}\``).join(", ")}.`,
      ["## Targets", "", ...figureTable(measured.flatMap(({ ratios }) => ratios.filter(({ target }) => target)))].join(
        "\n",
      ),
      ...sections,
      reading.trimEnd(),
    ].join("\n\n") + "\n",
  );
}

const order = [
  "submits",
  "http",
  "history",
  "heap",
  "devices",
  "watchers",
  "open",
  "sign-in-checks",
  "sign-in-writes",
  "sign-in-history",
  "sign-in-refusals",
  "web-sessions",
  "encryption",
  "activity",
  "projections",
  "dashboard",
];

async function textOf(file: URL): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch {
    return "";
  }
}
