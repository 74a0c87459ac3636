import { idSchema } from "@sessions/core/internal";
import { afterEach, expect, test, vi } from "vitest";
import { newId } from "./id.ts";

afterEach(() => vi.restoreAllMocks());

const many = () => Array.from({ length: 10_000 }, newId);

test("ids are UUIDv7s of now, each another, in the order in which they were made", () => {
  const before = Date.now();
  const ids = many();
  expect(ids.every((id) => idSchema.safeParse(id).success)).toBe(true);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.toSorted()).toEqual(ids);
  expect(Number.parseInt(ids[0]!.replace("-", "").slice(0, 12), 16)).toBeGreaterThanOrEqual(before);
});

test("ids keep their order when the clock stands still or is set back", () => {
  const first = newId();
  vi.spyOn(Date, "now").mockReturnValue(Date.now() - 60_000);
  const ids = [first, ...many()];
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.toSorted()).toEqual(ids);
});

test("pages that make an id at the same moment make different ones", () => {
  const random = () => newId().slice(19);
  expect(random()).not.toBe(random());
});
