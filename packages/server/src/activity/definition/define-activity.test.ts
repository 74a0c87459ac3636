import { expect, test } from "vitest";
import { z } from "zod";
import { count } from "./counters.ts";
import { defineActivity } from "./define-activity.ts";

const events = { opened: z.object({ post: z.string() }) };

test("an activity has the defaults that its page says", () => {
  const activity = defineActivity({ name: "reading", gap: "1h", events });
  expect(activity).toMatchObject({
    clock: "event",
    latenessMs: 86_400_000,
    rules: { gapMs: 3_600_000, atMostMs: 86_400_000, counters: {} },
  });
  expect(defineActivity({ name: "reading", gap: "2d", events }).rules.atMostMs).toBe(2 * 86_400_000);
});

test.each<[string, object]>([
  ["`name`", { name: "Reading posts" }],
  ["`gap`", { gap: "soon" }],
  ["`gap`", { gap: "8d" }],
  ["`atMost`", { atMost: "59m" }],
  ["`lateness`", { lateness: "15d" }],
  ["`clock`", { clock: "wall" }],
  ["`events`", { events: {} }],
  ["`events.Post opened`", { events: { "Post opened": z.object({}) } }],
  ["`counts.closed`", { counts: { closed: count("closed") } }],
])("%s is named when it cannot work", (option, given) => {
  const define = () => defineActivity({ name: "reading", gap: "1h", events, ...given } as never);
  expect(define).toThrow(expect.objectContaining({ code: "configuration_invalid" }));
  expect(define).toThrow(option);
});
