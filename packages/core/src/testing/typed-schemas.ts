import { z } from "zod";
import type { Json } from "../json.ts";

export const cents = z
  .string()
  .regex(/^\d+([.,]\d{2})?$/)
  .transform((euros) => Math.round(Number(euros.replace(",", ".")) * 100));

const kind = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("cash"), cents }),
  z.object({ kind: z.literal("card"), number: z.string().trim() }),
]);

/** Schemas that make something else of what they are given: what is typed, and what is made of it. */
export const schemas: readonly (readonly [
  string,
  z.ZodType<{ readonly [field: string]: Json | undefined }>,
  Json,
  Json,
])[] = [
  ["transform", z.object({ cents }), { cents: "12,50" }, { cents: 1250 }],
  ["a number that is scaled", z.object({ n: z.number().transform((n) => n * 100) }), { n: 12.5 }, { n: 1250 }],
  ["trim", z.object({ name: z.string().trim().toUpperCase() }), { name: " Ada " }, { name: "ADA" }],
  ["coerce", z.object({ n: z.coerce.number() }), { n: "12" }, { n: 12 }],
  ["default", z.object({ n: z.int(), currency: z.string().default("EUR") }), { n: 1 }, { n: 1, currency: "EUR" }],
  ["prefault", z.object({ name: z.string().trim().prefault(" none ") }), {}, { name: "none" }],
  ["catch", z.object({ n: z.int().catch(0) }), { n: "many" }, { n: 0 }],
  ["optional", z.object({ cents: cents.optional(), n: z.int() }), { n: 1, cents: "1,00" }, { n: 1, cents: 100 }],
  [
    "nullable",
    z.object({ cents: cents.nullable(), other: cents.nullable() }),
    { cents: null, other: "2" },
    { cents: null, other: 200 },
  ],
  ["emptied by its schema", z.object({ note: z.string().transform((note) => note || undefined) }), { note: "" }, {}],
  ["pipe", z.object({ n: z.string().transform(Number).pipe(z.int()) }), { n: "7" }, { n: 7 }],
  ["preprocess", z.object({ n: z.preprocess(Number, z.int()) }), { n: "7" }, { n: 7 }],
  ["codec", z.object({ n: z.codec(z.string(), z.number(), { decode: Number, encode: String }) }), { n: "7" }, { n: 7 }],
  ["stringbool", z.object({ yes: z.stringbool() }), { yes: "on" }, { yes: true }],
  ["union", z.object({ either: z.union([cents, z.boolean()]) }), { either: "3" }, { either: 300 }],
  ["discriminated union", kind, { kind: "cash", cents: "3" }, { kind: "cash", cents: 300 }],
  ["record", z.record(z.string(), cents), { rent: "3", "a.b": "4,25" }, { rent: 300, "a.b": 425 }],
  ["catchall", z.object({ n: z.int() }).catchall(cents), { n: 1, more: "3" }, { n: 1, more: 300 }],
  [
    "intersection",
    z.intersection(z.object({ a: cents }), z.object({ b: z.string() })),
    { a: "3", b: "b" },
    { a: 300, b: "b" },
  ],
  [
    "an array of objects",
    z.object({ lines: z.array(z.object({ cents, tags: z.array(z.string().trim()) })) }),
    {
      lines: [
        { cents: "3", tags: [" a", "b "] },
        { cents: "4,25", tags: [] },
      ],
    },
    {
      lines: [
        { cents: 300, tags: ["a", "b"] },
        { cents: 425, tags: [] },
      ],
    },
  ],
  [
    "an object that becomes another",
    z.object({ first: z.string(), last: z.string() }).transform(({ first, last }) => ({ name: `${first} ${last}` })),
    { first: "Ada", last: "Lovelace" },
    { name: "Ada Lovelace" },
  ],
  ["an object that is made first", z.preprocess((given) => given, z.object({ cents })), { cents: "3" }, { cents: 300 }],
  ["one that changes nothing", z.object({ a: z.string(), b: z.int().optional() }), { b: 1, a: "a" }, { a: "a", b: 1 }],
];
