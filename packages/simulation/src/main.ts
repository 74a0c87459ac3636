import { Command, InvalidArgumentError } from "commander";
import { openDatabase } from "./nodes/database.ts";
import { failureReport, shrink, simulate } from "./simulate.ts";
import { START_MS } from "./world.ts";
import { startPostgres } from "../../server/src/testing/embedded/postgres-server.ts";

const whole = (text: string): number => {
  if (!/^-?\d+$/.test(text)) throw new InvalidArgumentError("A whole number.");
  return Number(text);
};

const program = new Command("simulate")
  .description(
    "Runs whole worlds of devices, nodes and a database, and checks the promises of SPEC.md after every event.",
  )
  .option("--seeds <count>", "how many worlds", whole, 1_000)
  .option("--seed <seed>", "the first world's seed", whole)
  .option("--postgres [url]", "uses a real PostgreSQL: a new database at the url, or a server that it starts")
  .option(
    "--mutants [name]",
    "breaks the code in each known way, or in those with this name, and requires that a world fails",
  )
  .option(
    "--regions",
    "measures people, nodes and data in three regions, and prints the table of docs/operating/geography.md",
  )
  .parse();
const given = program.opts<{
  seeds: number;
  seed?: number;
  postgres?: true | string;
  mutants?: true | string;
  regions?: true;
}>();

const server = given.postgres === true ? await startPostgres() : undefined;
const database = await openDatabase(START_MS, server?.url ?? (given.postgres as string | undefined));
try {
  if (given.regions) {
    const { measureRegions } = await import("./regions/measure-regions.ts");
    const { regionTable } = await import("./regions/region-table.ts");
    process.stdout.write(`${regionTable(await measureRegions(database))}\n`);
  } else if (given.mutants) {
    const { runMutants } = await import("./mutants/run-mutants.ts");
    process.exitCode = (await runMutants(database, given.mutants === true ? undefined : given.mutants)) ? 0 : 1;
  } else {
    process.exitCode = (await runSeeds()) ? 0 : 1;
  }
} finally {
  await database.close();
  await server?.stop();
}

async function runSeeds(): Promise<boolean> {
  const first = given.seed ?? Math.floor(Math.random() * 1_000_000_000);
  const count = given.seed !== undefined && program.getOptionValueSource("seeds") === "default" ? 1 : given.seeds;
  const startMs = performance.now();
  for (let seed = first; seed < first + count; seed += 1) {
    const result = await simulate(seed, database);
    if (result.error) {
      process.stdout.write(`\n${failureReport(await shrink(result, database))}\n`);
      return false;
    }
    const done = seed - first + 1;
    if (done % 50 === 0) process.stdout.write(`${done} of ${count} worlds\n`);
  }
  const seconds = Math.round((performance.now() - startMs) / 1_000);
  process.stdout.write(`All held in ${count} worlds, from seed ${first}, in ${seconds} s.\n`);
  return true;
}
