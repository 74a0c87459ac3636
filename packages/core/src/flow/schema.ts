import type { z } from "zod";

/** Zod's names for the kinds of schemas whose values JSON does not have. */
const notJson: ReadonlySet<string> = new Set([
  "date",
  "bigint",
  "map",
  "set",
  "symbol",
  "function",
  "file",
  "promise",
  "nan",
]);

const isIn = (schema: z.core.$ZodType): schema is z.core.$ZodTypes => "def" in schema._zod;

/** The names of the fields that a schema takes; undefined when it may take any. */
export function fieldNamesOf(schema: z.core.$ZodType): readonly string[] | undefined {
  if (!isIn(schema)) return undefined;
  const { def } = schema._zod;
  switch (def.type) {
    case "object": {
      const isClosed = def.catchall === undefined || def.catchall._zod.def.type === "never";
      return isClosed ? Object.keys(def.shape) : undefined;
    }
    case "pipe":
      return fieldNamesOf(def.in);
    case "lazy":
      return fieldNamesOf(def.getter());
    case "union":
      return allOf(def.options.map(fieldNamesOf));
    case "intersection":
      return allOf([def.left, def.right].map(fieldNamesOf));
    default:
      return "innerType" in def ? fieldNamesOf(def.innerType) : undefined;
  }
}

function allOf(names: readonly (readonly string[] | undefined)[]): readonly string[] | undefined {
  return names.includes(undefined) ? undefined : [...new Set(names.flatMap((some) => some ?? []))];
}

/** The first part of a schema that can never be JSON before parsing (`in`) or after it (`out`): its path and its type. */
export function findNonJson(
  schema: z.core.$ZodType,
  side: "in" | "out",
  path: readonly string[] = [],
  above: readonly z.core.$ZodType[] = [],
): { readonly path: readonly string[]; readonly type: string } | undefined {
  if (!isIn(schema) || above.includes(schema)) return undefined;
  const { def } = schema._zod;
  const within = (inner: z.core.$ZodType, ...names: string[]) =>
    findNonJson(inner, side, [...path, ...names], [...above, schema]);
  const first = (found: readonly ReturnType<typeof within>[]) => found.find((each) => each !== undefined);
  // A coerced schema can make its value, such as a date, from text.
  if (notJson.has(def.type))
    return side === "in" && "coerce" in def && def.coerce ? undefined : { path, type: def.type };
  switch (def.type) {
    case "object":
      return (
        first(Object.entries(def.shape).map(([name, inner]) => within(inner, name))) ??
        (def.catchall && within(def.catchall, "[]"))
      );
    case "array":
      return within(def.element, "[]");
    case "tuple":
      return first([...def.items, ...(def.rest ? [def.rest] : [])].map((item) => within(item, "[]")));
    case "record":
      return within(def.valueType, "[]");
    case "union": {
      const found = def.options.map((option) => within(option));
      return found.includes(undefined) ? undefined : first(found);
    }
    case "intersection":
      return first([within(def.left), within(def.right)]);
    case "pipe":
      return within(side === "in" ? def.in : def.out);
    case "lazy":
      return within(def.getter());
    default:
      return "innerType" in def ? within(def.innerType) : undefined;
  }
}
