import { writeFile } from "node:fs/promises";
import type { SimulatedDatabase } from "../nodes/database.ts";
import { importMutated } from "./mutation.ts";
import { mutants } from "./mutants.ts";

/** How many worlds a mutant may live through. */
const WORLDS = 200;

/**
 * Breaks the code in each known way, and tells in docs/mutants.md after how many worlds it is found; in those whose
 * names hold `name`, and tells nowhere, when that is given. False when one lives.
 */
export async function hunt(database: SimulatedDatabase, name?: string): Promise<boolean> {
  // What a mutant breaks may throw where nobody listens.
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
