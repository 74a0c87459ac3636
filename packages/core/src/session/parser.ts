import { boundedCheck } from "./bounded-check.ts";
import { parseInput, type Parsed } from "./input.ts";
import type { Step } from "../flow/step.ts";

/** As {@link parseInput}, for one command. */
export type Parser = (definition: Step, step: string, input: unknown) => Parsed;

/**
 * Makes a parser for the input of one command. The command may be judged several times: against the cache, the database
 * and inside a transaction. Its input is parsed once for each step, in bounded time.
 */
export function createParser(): Parser {
  const made = new Map<Step, Parsed>();
  return (definition, step, input) => {
    const parsed = made.get(definition) ?? parseInput(definition, step, input, boundedCheck);
    made.set(definition, parsed);
    return parsed;
  };
}
