import { writeFile } from "node:fs/promises";
import type { SimulatedDatabase } from "../nodes/database.ts";
import { importMutated } from "./mutation.ts";
import { mutants } from "./mutants.ts";

/** How many worlds may pass before a mutant counts as not found. */
const WORLDS = 200;

/**
 * Breaks the code in each known way, and writes to docs/mutants.md after how many worlds the simulation finds it. With
 * `name` it runs only the mutants whose names contain it, and writes nothing. False if it did not find one of them.
 */
export async function runMutants(database: SimulatedDatabase, name?: string): Promise<boolean> {
  // A mutant's errors may be caught by nobody.
  process.on("unhandledRejection", () => {});
  process.on("uncaughtException", () => {});
  const rows: string[] = [];
  let alive = 0;
  for (const mutant of mutants.filter((one) => one.name.includes(name ?? ""))) {
    const { simulate } = await importMutated(mutant);
    let killed = "nothing";
    let worlds = 0;
    for (let seed = 1; seed <= WORLDS && killed === "nothing"; seed += 1) {
      const { error } = await simulate(seed, database);
      worlds = seed;
      if (error) killed = error.message.split(": ")[0]!;
    }
    if (killed === "nothing") alive += 1;
    rows.push(`| ${mutant.name} | ${killed} | ${worlds} |`);
    process.stdout.write(`${mutant.name}: ${killed}, after ${worlds} worlds\n`);
  }
  if (name !== undefined) return alive === 0;
  const page = `# Mutants

The code, broken in each of these ways, and the invariant of [SPEC.md](../SPEC.md) that the simulation found broken.
Made by \`pnpm simulate --mutants\`.

| mutant | killed by | after worlds |
| --- | --- | --- |
${rows.join("\n")}
`;
  await writeFile(new URL("../../../../docs/mutants.md", import.meta.url), page);
  return alive === 0;
}
