/**
 * Generated flows a version later, with other names: the step `b` is `bee`, the field `value` is `total`. Everything
 * that holds before must hold after, in the new names.
 *
 * @example
 * const next = later(flow);
 * expect(liftSession(next, before)).toEqual(inNewWords(before));
 */
import { z } from "zod";
import { defineFlow, type AnyFlow } from "../flow/flow.ts";
import type { Json } from "../json.ts";
import type { Snapshot } from "../protocol/snapshot.ts";
import { step, type Steps } from "../flow/step.ts";

const names = new Map([
  ["b", "bee"],
  ["value", "total"],
]);

export const renamed = (name: string) => names.get(name) ?? name;

export const rename = <T>(record: Record<string, T>, map: (value: T) => T = (value) => value): Record<string, T> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [renamed(name), map(value)]));

/** The same flow a version later: a step and a field have other names. */
export function later(flow: AnyFlow): AnyFlow {
  const steps: Steps = {};
  for (const name of flow.stepNames) {
    const { dependsOn, confirm, sensitive } = flow.steps[name];
    const input = z.object({ total: z.int(), note: z.string().optional() });
    steps[renamed(name)] = step({ input, dependsOn: dependsOn.map(renamed), confirm, sensitive });
  }
  const fields = ({ value, ...others }: { readonly [field: string]: Json | undefined }) => ({
    ...others,
    total: value,
  });
  const moves = flow.stepNames.map((name) => [name, { to: renamed(name), fields }]);
  return defineFlow({
    name: flow.name,
    version: 2,
    steps,
    path: (data) => {
      const { bee, ...others } = data as Record<string, Json>;
      const before = Object.entries({ ...others, ...(bee !== undefined && { b: bee }) });
      const asked = before.map(([name, value]) => [name, { value: (value as { total: Json }).total }]);
      return flow.pathOf(Object.fromEntries(asked)).map(renamed);
    },
    expires: { idle: "72h", absolute: "10d" },
    migrate: { 1: Object.fromEntries(moves) },
  });
}

export function inNewWords(old: Snapshot): Snapshot {
  return {
    ...old,
    version: 2,
    data: rename(old.data, (value) => rename(value as Record<string, Json>)),
    submissions: rename(old.submissions),
    drafts: rename(old.drafts, (fields) => rename(fields)),
  };
}
