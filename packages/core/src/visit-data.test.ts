import { expect, test } from "vitest";
import { z } from "zod";
import { SessionsError } from "./error.ts";
import { MAX_INPUT_LENGTH } from "./json.ts";
import { parseData, type DataDefinition } from "./visit-data.ts";

const of = (schema: DataDefinition["schema"]): DataDefinition => ({ schema, per: "owner" });
const cart = of(z.object({ items: z.array(z.string().max(5)), note: z.string().optional() }));

test("a value is given as its schema makes it, without fields that the schema lacks", () => {
  expect(parseData("cart", cart, { items: ["tea"], note: undefined, other: 1 })).toEqual({
    ok: true,
    value: { items: ["tea"] },
  });
});

test("a refusal names the place, and not the value", () => {
  const parsed = parseData("cart", cart, { items: ["tea", "a secret text"] });
  expect(parsed).toMatchObject({ ok: false, refusal: { code: "invalid_input", issues: [{ path: ["items", 1] }] } });
  expect(JSON.stringify(parsed)).not.toContain("secret");
});

test("a value that is no JSON, or is too large, is refused before its schema sees it", () => {
  const any = of(z.any());
  expect(parseData("any", any, { at: new Date() })).toMatchObject({ refusal: { code: "invalid_input" } });
  expect(parseData("any", any, "x".repeat(MAX_INPUT_LENGTH))).toEqual({
    ok: false,
    refusal: { code: "too_large", atMost: MAX_INPUT_LENGTH },
  });
  expect(parseData("any", any, "x".repeat(MAX_INPUT_LENGTH - 10)).ok).toBe(true);
});

test("a schema that cannot read what it gave is refused before anything is stored", () => {
  const once = of(z.string().transform((text) => text.length));
  expect(() => parseData("once", once, "abc")).toThrow(SessionsError);
  expect(() => parseData("once", once, "abc")).toThrow(/^configuration_invalid: The schema of `data.once`/);
  const both = of(z.union([z.number(), z.string().transform((text) => text.length)]));
  expect(parseData("both", both, "abc")).toEqual({ ok: true, value: 3 });
});

test("a schema that is asynchronous or throws is refused without its own message", () => {
  const later = of(z.string().refine(() => Promise.resolve(true)));
  const throws = of(
    z.string().refine((text) => {
      throw new Error(text);
    }),
  );
  expect(() => parseData("later", later, "abc")).toThrow(/^configuration_invalid/);
  expect(() => parseData("throws", throws, "abc")).toThrow(/^configuration_invalid(?!.*abc)/);
});
