import { availableParallelism } from "node:os";
import { Command, Option } from "commander";
import { startDurablePostgres } from "./servers/database.ts";
import { measurements } from "./measurements.ts";
import { writeReport } from "./report/report.ts";
import type { BenchmarkSize, Measurement } from "./report/result.ts";
import { measurementTable } from "./report/table.ts";

const program = new Command("bench")
  .description("Measures the server side by side with what it is compared to.")
  .option("--quick", "a short run, for development: nothing is written")
  .addOption(new Option("--only <name...>", "these measurements alone").choices(Object.keys(measurements)))
  .option("--ten-million", "also with ten million ended sessions, which takes long and needs 60 GB")
  .parse();
const { quick, only, tenMillion } = program.opts<{ quick?: true; only?: string[]; tenMillion?: true }>();

const size: BenchmarkSize = quick
  ? { rounds: 1, roundMs: 500, histories: [0, 10_000], watchers: [200] }
  : {
      rounds: 3,
      roundMs: 1_000,
      histories: [0, 100_000, 1_000_000, ...(tenMillion ? [10_000_000] : [])],
      watchers: [1_000, 10_000],
    };

const found: Measurement[] = [];
for (const [name, measure] of Object.entries(measurements)) {
  if (only !== undefined && !only.includes(name)) continue;
  const postgres = await startDurablePostgres();
  try {
    const started = Date.now();
    const measured = await measure(postgres, size);
    found.push(measured);
    process.stdout.write(`${measurementTable(measured)}\n\n(${Math.round((Date.now() - started) / 1_000)} s)\n\n`);
  } finally {
    await postgres.stop();
  }
}
if (!quick) await writeReport(found, availableParallelism());
