import { expect, test } from "vitest";
import { ReplyRoom } from "./reply-room.ts";

const of = (bytes: number) => ({ a: "x".repeat(bytes - '{"a":""}'.length) });

test("S25: a reply takes what there is room for, what comes first, and the first of a kind", () => {
  const room = new ReplyRoom(100);
  expect(room.take(of(60))).toBe(60);
  expect(room.take(of(41))).toBeNull();
  expect(room.take(of(39))).toBe(39);
  expect(room.isFull).toBe(false);
  expect(room.take(of(50), true)).toBe(50);
  expect(room.isFull).toBe(true);
  expect(new ReplyRoom(100).take(of(1_000))).toBe(1_000);
});
