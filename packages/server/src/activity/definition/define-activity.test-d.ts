import { expectTypeOf, test } from "vitest";
import { z } from "zod";
import type { Activities } from "../activities.ts";
import { count, distinct, first, sum } from "./counters.ts";
import { defineActivity, type CountsOf } from "./define-activity.ts";

const events = {
  opened: z.object({ post: z.string(), seconds: z.int().optional() }),
  paid: z.object({ cents: z.int(), to: z.object({ iban: z.string() }) }),
};
const base = { name: "a", gap: "1h", events } as const;
const activity = defineActivity({
  ...base,
  counts: {
    posts: count("opened"),
    cents: sum("paid", "cents"),
    to: first("paid", "to"),
    seconds: sum("opened", "seconds"),
  },
});
const other = defineActivity({ name: "b", gap: "1h", events: { left: z.object({}) } });

test("a counter is of an event and a field that are there, and fits the field", () => {
  // @ts-expect-error There is no such event.
  defineActivity({ ...base, counts: { wrong: count("closed") } });
  // @ts-expect-error There is no such field.
  defineActivity({ ...base, counts: { wrong: distinct("opened", "title") } });
  // @ts-expect-error A text cannot be added up.
  defineActivity({ ...base, counts: { wrong: sum("opened", "post") } });
  // @ts-expect-error Objects are not told apart.
  defineActivity({ ...base, counts: { wrong: distinct("paid", "to") } });
});

test("a counter's value has the type of its kind and field", () => {
  expectTypeOf<CountsOf<typeof activity>>().toEqualTypeOf<{
    readonly posts: number;
    readonly cents: number;
    readonly to: { iban: string } | null;
    readonly seconds: number;
  }>();
});

test("`record` takes the events of all activities, with their data", () => {
  const record = {} as Activities<readonly [typeof activity, typeof other]>["record"];
  expectTypeOf(record<"left">)
    .parameter(2)
    .toEqualTypeOf<Record<string, never>>();
  expectTypeOf(record<"opened">)
    .parameter(2)
    .toEqualTypeOf<{ post: string; seconds?: number | undefined }>();
  // @ts-expect-error No activity has it.
  void (() => record("ada", "closed", {}));
  // @ts-expect-error The data does not fit.
  void (() => record("ada", "opened", { post: 1 }));
});
