import { z } from "zod";
import type { Checked } from "./input.ts";
import { MAX_ISSUES } from "../issues.ts";
import type { Json } from "../json.ts";

/** How many issues a check may find, roughly. If there could be more, it stops at the first. */
const MAX_FOUND = 25_000;

const ONLY_FIRST: z.core.$ZodIssue = {
  code: "custom",
  path: [],
  message: "Of an input as large as this, only what is wrong first is told.",
};

/**
 * Parses a value in bounded time. zod makes an issue for each problem, which takes a hundred times as long as sending the
 * value. A union even makes a text for each.
 */
export function boundedCheck(schema: z.ZodType, value: Json): Checked {
  if (valuesIn(value) * sizeOf(schema) > MAX_FOUND) {
    // As `z.validate` does. A version of zod that cannot stop early finds all issues.
    const { issues } = run(schema, value, { async: false, abortEarly: true });
    if (issues.length > 0) return { success: false, error: worded(issues, [ONLY_FIRST]) };
  }
  const { issues, value: data } = run(schema, value, { async: false });
  return issues.length === 0 ? { success: true, data } : { success: false, error: worded(issues) };
}

/** The issues that a refusal names, and a count of the others, which get no text. */
function worded(found: readonly z.core.$ZodRawIssue[], besides: readonly z.core.$ZodIssue[] = []) {
  const named = found.slice(0, MAX_ISSUES - besides.length);
  const finalized = named.map((issue) => z.core.util.finalizeIssue(issue, { async: false }, z.config()));
  return { issues: [...finalized, ...besides], more: found.length - named.length };
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

/** The number of schemas and checks in a schema. One value gives no more issues than that. */
function sizeOf(schema: z.core.$ZodType): number {
  const known = sizes.get(schema);
  if (known !== undefined) return known;
  // A schema may contain itself.
  sizes.set(schema, 1);
  const { def } = schema._zod as z.core.$ZodTypes["_zod"];
  const own = 1 + (def.checks?.length ?? 0) + (def.type === "record" ? (def.keyType._zod.values?.size ?? 0) : 0);
  const size = partsOf(def).reduce((sum, part) => sum + sizeOf(part), own);
  sizes.set(schema, size);
  return size;
}

/** The schemas inside a schema. Every kind of definition holds them directly, or in a list. */
function partsOf(def: z.core.$ZodTypes["_zod"]["def"]): readonly z.core.$ZodType[] {
  if (def.type === "lazy") return [def.getter()];
  const held = def.type === "object" ? [def.shape, def.catchall] : [def];
  return held.flatMap((each) => Object.values(each ?? {}).flat()).filter(isSchema);
}

function isSchema(part: unknown): part is z.core.$ZodType {
  return typeof part === "object" && part !== null && "_zod" in part && "run" in (part._zod as object);
}
