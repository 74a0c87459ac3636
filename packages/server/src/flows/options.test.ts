import { expect, test } from "vitest";
import { z } from "zod";
import { defineFlow, step } from "@sessions/core";
import { serve } from "./configuration/served-flow.ts";
import { testKeys } from "../testing/secrets/keys.ts";
import { SessionCache } from "./commands/cache.ts";
import { checkedOptions, type SessionsOptions } from "./options.ts";

const needed = { database: {} as SessionsOptions<object>["database"], identify: () => null, flows: [] };
const check = (given: object) => () => checkedOptions({ ...needed, ...given });

test("a misspelt option is refused with the nearest name, so that it does not have its default", () => {
  const refused = (name: string) => `configuration_invalid: \`createSessions\` has no option "${name}".`;
  expect(check({ shema: "x" })).toThrow(`${refused("shema")} Do you mean \`schema\`?`);
  expect(check({ onerror: () => {} })).toThrow(`${refused("onerror")} Do you mean \`onError\`?`);
  expect(check({ transformer: {} })).toThrow(new RegExp(`${refused("transformer")}$`));
});

test.each<readonly [option: string, value: string, given: object]>([
  ["schema", '"Sessions"', { schema: "Sessions" }],
  ["schema", "7", { schema: 7 }],
  ["cacheBytes", "-1", { cacheBytes: -1 }],
  ["cacheBytes", "1.5", { cacheBytes: 1.5 }],
  ["cacheBytes", '"64 MiB"', { cacheBytes: "64 MiB" }],
  ["encrypt", '"everything"', { encrypt: "everything", keys: testKeys }],
])("`%s` of %s is refused in one sentence that names both", (option, value, given) => {
  expect(check(given)).toThrow(new RegExp(`^configuration_invalid: \`${option}\` .*${value}\\.$`));
});

test("at 0 bytes nothing is cached, and nothing fails", () => {
  expect(checkedOptions({ ...needed, cacheBytes: 0 }).cacheBytes).toBe(0);
  const cache = new SessionCache(0);
  const snapshot = { id: "a", status: "active", revision: 1, data: {}, outputs: {}, submissions: {}, drafts: {} };
  // The cache reads no other fields.
  cache.put("ada", { snapshot, hidden: {}, lastEntry: 1 } as unknown as Parameters<typeof cache.put>[1]);
  expect(cache.get("ada", "a")).toBeUndefined();
});

test("S11: a flow with a sensitive step is refused without keys, with a sentence that says what to do", () => {
  const card = step({ input: z.object({ number: z.string() }), sensitive: true });
  const flows = [serve(defineFlow({ name: "payment", version: 1, steps: { card } }), {})];
  expect(check({ flows })).toThrow("Flow payment: step card is sensitive and needs `keys`, as in `keys: keysFromEnv");
  expect(check({ encrypt: "all" })).toThrow("`encrypt` needs `keys`");
  expect(check({ flows, keys: testKeys })().encrypt).toBe("sensitive");
  expect(check({ flows, keys: testKeys, encrypt: "read" })().encrypt).toBe("read");
});

test("S23: a flow that hides something is refused without keys, and on a node that seals nothing of some owners", () => {
  const card = step({ input: z.object({ number: z.string() }) });
  const flow = defineFlow({ name: "payment", version: 1, steps: { card } });
  const flows = [serve(flow, { hidden: { card: z.string() }, steps: { card: () => ({ hidden: "token" }) } })];
  expect(check({ flows })).toThrow("Flow payment: step card hides a value and needs `keys`, as in `keys: keysFromEnv");
  expect(check({ flows, keys: testKeys, encrypt: "read" })).toThrow(
    'step card hides a value, and `encrypt: "read"` does',
  );
  for (const encrypt of [undefined, "sensitive", "all"]) {
    expect(check({ flows, keys: testKeys, ...(encrypt && { encrypt }) })().flows.size).toBe(1);
  }
});

test("S23: a schema in `hidden` that cannot work is refused", () => {
  const card = step({ input: z.object({ number: z.string() }) });
  const flow = defineFlow({ name: "payment", version: 1, steps: { card } });
  const steps = { card: () => ({ hidden: "token" }) };
  const serving = (options: object) => () => serve(flow, options as never);
  expect(serving({ hidden: { pin: z.string() }, steps })).toThrow(
    "`hidden` names step pin, which the flow does not have",
  );
  expect(serving({ hidden: { card: z.string() } })).toThrow("step card hides a value and needs a handler");
  expect(serving({ hidden: { card: z.object({ at: z.date() }) }, steps })).toThrow(
    "what step card hides is JSON, and a date",
  );
});
