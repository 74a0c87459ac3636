import { expect, test } from "vitest";
import { z } from "zod";
import { defineActivity } from "../definition/define-activity.ts";
import { likes, reading } from "../../testing/activity/activities.ts";
import { EventCheck, NEWEST_MS, OLDEST_MS } from "./event-check.ts";
import { newEventId } from "./event-id.ts";

const nowMs = Date.UTC(2026, 10, 28, 12);
const check = new EventCheck([reading, likes], () => nowMs);
const post = { post: "42" };
const idOf = (atMs: number) => newEventId(atMs);

test("an event without an id or a moment is one of now", () => {
  const row = check.rowOf("ada", "post_opened", post, {});
  expect(row).toMatchObject({
    owner: "ada",
    atMs: nowMs,
    receivedMs: nowMs,
    name: "post_opened",
    data: '{"post":"42"}',
  });
});

test("the moment of a UUIDv7 is that of the event", () => {
  const id = idOf(nowMs - 5_000);
  expect(check.rowOf("ada", "post_opened", post, { id })).toMatchObject({ id, atMs: nowMs - 5_000 });
  expect(check.rowOf("ada", "post_opened", post, { id, at: nowMs - 5_000 })).toMatchObject({ id });
});

test("the data is what the schema gives, without fields that it does not know", () => {
  const row = check.rowOf("ada", "post_opened", { ...post, secret: "canary", seconds: undefined }, {});
  expect(row.data).toBe('{"post":"42"}');
});

const canary = "typed-by-a-person";

test.each<[string, () => unknown]>([
  ["no owner", () => check.rowOf("", "post_opened", post, {})],
  ["an owner that Postgres cannot store", () => check.rowOf(`${canary}\0`, "post_opened", post, {})],
  ["an event that no activity has", () => check.rowOf(canary, canary, post, {})],
  ["data that does not fit", () => check.rowOf(canary, "post_opened", { post: 1, [canary]: canary }, {})],
  ["data that is too long", () => check.rowOf(canary, "post_opened", { post: canary.repeat(300) }, {})],
  ["a fraction that would be added up", () => check.rowOf(canary, "post_opened", { ...post, seconds: 2 ** 53 }, {})],
  ["half of a surrogate pair", () => check.rowOf(canary, "post_opened", { post: `${canary}\ud800` }, {})],
  ["a text as its id, without a moment", () => check.rowOf(canary, "post_opened", post, { id: canary })],
  ["an empty id", () => check.rowOf(canary, "post_opened", post, { id: "", at: nowMs })],
  ["an id of another moment", () => check.rowOf(canary, "post_opened", post, { id: idOf(nowMs), at: nowMs - 1 })],
  ["a moment that is none", () => check.rowOf(canary, "post_opened", post, { at: Number.NaN })],
  ["a moment before 1970", () => check.rowOf(canary, "post_opened", post, { at: new Date("1969-12-31T23:59:59Z") })],
  ["a moment that no id can hold", () => check.rowOf(canary, "post_opened", post, { at: 8.64e15 })],
  ["an endless moment", () => check.rowOf(canary, "post_opened", post, { at: Infinity })],
  ["a moment long ago", () => check.rowOf(canary, "post_opened", post, { at: nowMs - OLDEST_MS - 1 })],
  ["a moment far in the future", () => check.rowOf(canary, "post_opened", post, { at: nowMs + NEWEST_MS + 1 })],
])("S11: %s is refused without a word of what was given", (_, call) => {
  expect(call).toThrow(
    expect.objectContaining({ code: "event_invalid", message: expect.not.stringContaining(canary) }),
  );
});

test("two activities that give one event two schemas are refused", () => {
  const other = defineActivity({ name: "other", gap: "1h", events: { post_liked: z.object({ post: z.string() }) } });
  expect(() => new EventCheck([reading, other], Date.now)).toThrow("configuration_invalid");
});
