import { expect, test } from "vitest";
import type { Notice } from "./bus.ts";
import { decodeNotice, encodeNotice } from "./notice-codec.ts";

const session: Notice = { kind: "session", owner: 'owner "é"\n', session: "s", revision: 7 };
const signIn: Notice = { kind: "sign_in", content: { ended: ["x"], of: 'owner "é"\n' } };
const adopted: Notice = { kind: "adopted", owner: 'owner "é"\n' };

const erased: Notice = { kind: "erased", owner: 'owner "é"\n' };

test("a notice of each kind is read as it was written", () => {
  for (const notice of [session, signIn, adopted, erased]) expect(decodeNotice(encodeNotice(notice)!)).toEqual(notice);
});

test("a session's notice has the form that nodes of earlier versions read", () => {
  expect(JSON.parse(encodeNotice(session)!)).toEqual(["s", 7, 'owner "é"\n']);
});

test.for([
  "",
  "listening",
  "null",
  "7",
  "[]",
  '["s"]',
  '["s","7","ada"]',
  "{}",
  '{"kind":"sign_in"}',
  '{"kind":"adopted"}',
])("a payload that is no notice is none: %s", (payload) => expect(decodeNotice(payload)).toBeUndefined());

test("a kind of a later version is no notice", () => {
  expect(decodeNotice('{"kind":"of_tomorrow","content":{}}')).toBeUndefined();
});

test("a notice that Postgres would refuse is not written", () => {
  const notice = (length: number): Notice => ({ kind: "sign_in", content: "é".repeat(length) });
  expect(encodeNotice(notice(3_900))).toBeDefined();
  expect(encodeNotice(notice(4_000))).toBeUndefined();
});
