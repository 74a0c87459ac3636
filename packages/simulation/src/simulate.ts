import fc from "fast-check";
import type { SimulatedDatabase } from "./nodes/database.ts";
import { plans, type Plan } from "./plan.ts";
import { World } from "./world.ts";

/** How long a failing plan is shrunk at most, in milliseconds. */
const SHRINK_MS = 30_000;

/** How a world ended. */
export interface SimulationResult {
  readonly seed: number;
  /** The promise of SPEC.md that was broken; undefined if all held. */
  readonly error: Error | undefined;
  /** The events, a line each. */
  readonly events: readonly string[];
}

/** Runs the world of a seed. The same seed is the same world, event by event. */
export function simulate(seed: number, database: SimulatedDatabase): Promise<SimulationResult> {
  return run(seed, fc.sample(plans, { seed, numRuns: 1 })[0]!, database);
}

/** The smallest part of a seed's plan that fails too, as far as it was found. */
export async function shrink(failed: SimulationResult, database: SimulatedDatabase): Promise<SimulationResult> {
  const { seed } = failed;
  const untilMs = performance.now() + SHRINK_MS;
  let smallest = failed;
  const holds = fc.asyncProperty(plans, async (plan) => {
    // Left to fast-check's own time limit, a world would go on by itself, and into the next one.
    if (performance.now() > untilMs) return true;
    const result = await run(seed, plan, database);
    if (result.error) smallest = result;
    return result.error === undefined;
  });
  await fc.check(holds, { seed, numRuns: 1 });
  return smallest;
}

/** A failure as it is printed. */
export function failureReport({ seed, error, events }: SimulationResult): string {
  return [`Seed ${seed}: ${error?.message}`, ...events, `Again: pnpm simulate --seed ${seed}`].join("\n");
}

async function run(seed: number, plan: Plan, database: SimulatedDatabase): Promise<SimulationResult> {
  await database.reset();
  const world = new World(plan, database);
  try {
    await world.run();
    return { seed, error: undefined, events: world.journal.lines };
  } catch (error) {
    return { seed, error: error as Error, events: world.journal.lines };
  }
}
