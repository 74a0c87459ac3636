import { readFile, writeFile } from "node:fs/promises";
import type { SimulatedDatabase } from "../nodes/database.ts";
import { importMutated } from "./mutation.ts";
import { mutants, type Mutant } from "./mutants.ts";
import { signInMutants } from "./sign-in-mutants.ts";

/** How many worlds may pass before a mutant counts as not found: the seeds from 1. */
const WORLDS = 200;
/** The same for schedules of one sign-in, of which a second has hundreds. */
const SCHEDULES = 20_000;

const page = new URL("../../../../docs/mutants.md", import.meta.url);

/**
 * Breaks the code in each known way, and writes to docs/mutants.md in which world the simulation finds it. The world that
 * the page names is tried first, so that a run takes minutes as long as the mutants are found there. With `name` it runs
 * only the mutants whose names contain it, and writes nothing. False if it did not find one of them.
 */
export async function runMutants(database: SimulatedDatabase, name?: string): Promise<boolean> {
  const known = seedsIn(await readFile(page, "utf8"));
  const rows: string[] = [];
  let isComplete = true;
  for (const mutant of [...mutants, ...signInMutants].filter((one) => one.name.includes(name ?? ""))) {
    const first = known.get(mutant.name) ?? 1;
    const found = await (signInMutants.includes(mutant)
      ? findInSchedules(mutant, first)
      : findInWorlds(mutant, database, first));
    isComplete &&= found !== undefined;
    rows.push(`| ${mutant.name} | ${found?.promise ?? "nothing"} | ${found?.seed ?? ""} |`);
    process.stdout.write(`${mutant.name}: ${found ? `${found.promise}, in world ${found.seed}` : "not found"}\n`);
  }
  if (name === undefined) await writeFile(page, pageOf(rows));
  return isComplete;
}

interface Found {
  readonly promise: string;
  readonly seed: number;
}

async function findInWorlds(mutant: Mutant, database: SimulatedDatabase, first: number): Promise<Found | undefined> {
  const { simulate } = await importMutated(mutant, "simulate.ts");
  // A mutant's errors may be caught by nobody. An error of this command must not be ignored with them.
  const ignore = () => {};
  process.on("unhandledRejection", ignore).on("uncaughtException", ignore);
  try {
    for (const seed of seedsFrom(first, WORLDS)) {
      const { error } = await simulate(seed, database);
      if (error) return foundBy(error, seed);
    }
    return undefined;
  } finally {
    process.off("unhandledRejection", ignore).off("uncaughtException", ignore);
  }
}

async function findInSchedules(mutant: Mutant, first: number): Promise<Found | undefined> {
  const { simulateSignIns } = await importMutated(mutant, "sign-ins/simulate-sign-ins.ts");
  for (const seed of seedsFrom(first, SCHEDULES)) {
    const { error } = simulateSignIns(seed);
    if (error) return foundBy(error, seed);
  }
  return undefined;
}

function seedsFrom(first: number, count: number): readonly number[] {
  return [first, ...Array.from({ length: count }, (_, index) => index + 1).filter((seed) => seed !== first)];
}

function foundBy(error: Error, seed: number): Found {
  return { promise: error.message.split(": ")[0]!, seed };
}

/** The worlds that a page names, by mutant. */
export function seedsIn(text: string): ReadonlyMap<string, number> {
  const found = text.matchAll(/^\| (.+) \| S\d+ \| (\d+) \|$/gm);
  return new Map([...found].map(([, mutant, seed]) => [mutant!, Number(seed)]));
}

function pageOf(rows: readonly string[]): string {
  return `# Mutants

Each mutant is a fault that is made in the code on purpose. The table names the promise of [SPEC.md](../SPEC.md) that
the simulation found broken, and the seed of the world in which it found that. Written by \`pnpm simulate --mutants\`.

| mutant | promise | seed |
| --- | --- | --- |
${rows.join("\n")}
`;
}
