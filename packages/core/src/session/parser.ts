import { boundedCheck } from "./bounded-check.ts";
import { parse, type Parsed } from "./input.ts";
import type { Step } from "../flow/step.ts";

/** As {@link parse}, for one command. */
export type Parser = (definition: Step, step: string, input: unknown) => Parsed;

/**
 * Parses the input of one command, which may be judged again and again: against what is remembered, what the database
 * holds, and what a transaction finds. It is parsed once for each step that it might be meant for, in bounded time.
 */
export function createParser(): Parser {
  const made = new Map<Step, Parsed>();
  return (definition, step, input) => {
    const parsed = made.get(definition) ?? parse(definition, step, input, boundedCheck);
    made.set(definition, parsed);
    return parsed;
  };
}
