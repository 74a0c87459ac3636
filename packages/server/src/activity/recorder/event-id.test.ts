import { expect, test } from "vitest";
import { idSchema } from "@sessions/core/internal";
import { momentOf } from "../../uuid-v7.ts";
import { eventIdOf, newEventId } from "./event-id.ts";

const atMs = Date.UTC(2026, 10, 28, 12, 0, 0, 123);

test("a new id is a UUIDv7 of its moment, and differs from the others", () => {
  const ids = Array.from({ length: 1_000 }, () => newEventId(atMs));
  expect(new Set(ids).size).toBe(1_000);
  for (const id of ids) {
    expect(idSchema.safeParse(id).success).toBe(true);
    expect(momentOf(id)).toBe(atMs);
  }
  expect(newEventId(0)).toMatch(/^00000000-0000-7/);
});

test("S22: a text and a moment always name one id, and another text or moment another one", () => {
  const id = eventIdOf("order 42", atMs);
  expect(idSchema.safeParse(id).success).toBe(true);
  expect(momentOf(id)).toBe(atMs);
  expect(eventIdOf("order 42", atMs)).toBe(id);
  expect(eventIdOf("order 43", atMs)).not.toBe(id);
  expect(eventIdOf("order 42", atMs + 1)).not.toBe(id);
});

test.each(["", "order 42", "0190b2f4-0000-4000-8000-000000000001", "0190B2F4-0000-7000-8000-000000000001"])(
  "%j has no moment",
  (text) => expect(momentOf(text)).toBeUndefined(),
);
