import { z } from "zod";
import type { Checked } from "./input.ts";
import { MAX_ISSUES } from "../issues.ts";
import type { Json } from "../json.ts";

/** How many issues are looked for, roughly. Where there could be more, the search ends at the first. */
const MAX_FOUND = 25_000;

const ONLY_FIRST: z.core.$ZodIssue = {
  code: "custom",
  path: [],
  message: "Of an input as large as this, only what is wrong first is told.",
};

/**
 * What a schema makes of a value, or what is wrong with it, in bounded time. zod makes an issue of everything that is
 * wrong, which takes a hundred times as long as sending it; a union even words each.
 */
export function boundedCheck(schema: z.ZodType, value: Json): Checked {
  if (valuesIn(value) * sizeOf(schema) > MAX_FOUND) {
    // As `z.validate` does. What a version of zod that cannot stop finds is all told.
    const { issues } = run(schema, value, { async: false, abortEarly: true });
    if (issues.length > 0) return { success: false, error: worded(issues, [ONLY_FIRST]) };
  }
  const { issues, value: data } = run(schema, value, { async: false });
  return issues.length === 0 ? { success: true, data } : { success: false, error: worded(issues) };
}

/** The issues that a refusal names, and a count of the others: words for those are never made. */
function worded(found: readonly z.core.$ZodRawIssue[], besides: readonly z.core.$ZodIssue[] = []) {
  const named = found.slice(0, MAX_ISSUES - besides.length);
  const told = named.map((issue) => z.core.util.finalizeIssue(issue, { async: false }, z.config()));
  return { issues: [...told, ...besides], more: found.length - named.length };
}

function run(schema: z.ZodType, value: Json, context: z.core.ParseContextInternal): z.core.ParsePayload {
  const running = schema._zod.run({ value, issues: [] }, context);
  if (!(running instanceof Promise)) return running;
  running.catch(() => {});
  throw new z.core.$ZodAsyncError();
}

function valuesIn(value: Json | undefined): number {
  if (typeof value !== "object" || value === null) return 1;
  return Object.values(value).reduce<number>((sum, part) => sum + valuesIn(part), 1);
}

const sizes = new WeakMap<z.core.$ZodType, number>();

/** Of how many schemas and checks a schema is made: one value brings no more issues than that. */
function sizeOf(schema: z.core.$ZodType): number {
  const known = sizes.get(schema);
  if (known !== undefined) return known;
  // A schema may be within itself.
  sizes.set(schema, 1);
  const { def } = schema._zod as z.core.$ZodTypes["_zod"];
  const own = 1 + (def.checks?.length ?? 0) + (def.type === "record" ? (def.keyType._zod.values?.size ?? 0) : 0);
  const size = partsOf(def).reduce((sum, part) => sum + sizeOf(part), own);
  sizes.set(schema, size);
  return size;
}

/** Whatever kind it is of, a schema's definition holds those that it is made of, by themselves or in a list. */
function partsOf(def: z.core.$ZodTypes["_zod"]["def"]): readonly z.core.$ZodType[] {
  if (def.type === "lazy") return [def.getter()];
  const held = def.type === "object" ? [def.shape, def.catchall] : [def];
  return held.flatMap((each) => Object.values(each ?? {}).flat()).filter(isSchema);
}

function isSchema(part: unknown): part is z.core.$ZodType {
  return typeof part === "object" && part !== null && "_zod" in part && "run" in (part._zod as object);
}
