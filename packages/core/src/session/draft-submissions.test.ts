import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import { advance, seenBy } from "./advance.ts";
import { nextStamp } from "../protocol/stamp.ts";
import { accepted } from "../testing/accepted.ts";
import { devices, START_MS } from "../testing/commands.ts";
import {
  begun,
  draft,
  drafts,
  flow,
  given,
  merged,
  oneStep,
  submissionOf,
  submitted,
} from "../testing/drafted-session.ts";

const [phone, laptop] = devices;

test("S2: a submission from a clock that is days ahead takes its own drafts up, and none of what is typed afterwards", () => {
  const judge = oneStep(z.object({ x: z.string() }));
  const days = 3 * 24 * 3_600_000;
  const ahead = nextStamp(phone.id, START_MS + days);
  const far = `999999999999999-ffff-${phone.id}`;
  for (const typed of [ahead, far]) {
    const standing = accepted(judge(submissionOf({ x: "typed" }, [typed])));
    expect(standing.submissions["first"]?.seenDrafts).toEqual([nextStamp(phone.id, START_MS)]);
    // The draft of what was submitted, late.
    expect(accepted(judge(draft({ x: { value: "typed", at: typed } }), standing, START_MS + 5))).toBe(standing);
    // Typed on, by the clock that is ahead, and by the one that was set right, an hour later and a second.
    for (const [at, nowMs] of [
      [nextStamp(phone.id, START_MS + days, ahead), START_MS + 1_000],
      [nextStamp(phone.id, START_MS + 1_000), START_MS + 1_000],
      [nextStamp(phone.id, START_MS + 3_600_000), START_MS + 3_600_000],
    ] as const) {
      const after = accepted(judge(draft({ x: { value: "typed on", at } }), standing, nowMs));
      expect(after.drafts["first"]?.["x"]?.value).toBe("typed on");
    }
  }
});

test("a submission takes the drafts of its own step along, and leaves the others", () => {
  const at = nextStamp(phone.id, START_MS);
  const typed = merged(begun, draft({ x: { value: "one", at } }), draft({ y: { value: "two", at } }, "second"));
  expect(submitted(typed, "first", { x: "one" }).drafts).toEqual({ second: { y: { value: "two", at } } });
});

test("S3: a submission and drafts of other steps commute", () => {
  fc.assert(
    fc.property(drafts, fc.boolean(), (commands, again) => {
      // At an odd millisecond, so that no draft was typed in the very moment of a submission.
      const oddMs = START_MS - 1;
      const session = again
        ? submitted(submitted(begun, "first", { x: "one" }, oddMs), "second", { y: "two" }, oddMs)
        : begun;
      const others = commands.filter((command) => command.step !== "first");
      const after = merged(submitted(session, "first", { x: "new" }), ...others);
      const before = submitted(merged(session, ...others), "first", { x: "new" });
      expect(after.data).toEqual(before.data);
      expect(after.drafts).toEqual(before.drafts);
    }),
  );
});

test("S2: a draft that arrives after the submission of what it typed changes nothing; one typed since does", () => {
  const before = nextStamp(phone.id, START_MS);
  const since = nextStamp(phone.id, START_MS, before);
  const session = accepted(advance(flow, begun, submissionOf({ x: "typed" }, [before]), given));
  expect(merged(session, draft({ x: { value: "ty", at: before } }))).toEqual(session);
  expect(merged(session, draft({ x: { value: "typed on", at: since } })).drafts["first"]?.["x"]?.value).toBe(
    "typed on",
  );

  // What another device typed in the meantime is not in the submission: it is kept.
  const elsewhere = nextStamp(laptop.id, START_MS - 1_000);
  expect(merged(session, draft({ x: { value: "other", at: elsewhere } })).drafts["first"]?.["x"]?.value).toBe("other");
});

test("S3: a draft typed without having seen what another device submitted there is a conflict, not on top of it", () => {
  const standing = submitted(begun, "first", { x: "theirs" });
  const late = { ...draft({ x: { value: "mine", at: nextStamp(laptop.id, START_MS) } }), seen: { first: null } };
  const there = { ...given, device: laptop };
  expect(advance(flow, standing, late, there)).toEqual({
    accepted: false,
    refusal: { code: "conflict", step: "first", changed: ["first"], theirs: { x: "theirs" } },
  });
  const knowing = { ...late, seen: seenBy(flow, standing, "first") };
  expect(accepted(advance(flow, standing, knowing, there)).drafts["first"]?.["x"]?.value).toBe("mine");
  // What this device itself submitted it has seen, whatever the draft says.
  expect(accepted(advance(flow, standing, late, given)).drafts["first"]?.["x"]?.value).toBe("mine");
});

test("S3: what a submission has seen of another device's drafts is decided, whenever it arrives again", () => {
  const at = nextStamp(laptop.id, START_MS);
  const late = { ...draft({ x: { value: "mine", at } }), seen: { first: null } };
  const standing = accepted(advance(flow, begun, submissionOf({ x: "theirs" }, [at]), given));
  expect(accepted(advance(flow, standing, late, { ...given, device: laptop }))).toBe(standing);
});
