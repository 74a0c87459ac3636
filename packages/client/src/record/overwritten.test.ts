import type { Json } from "@sessions/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { idOf } from "../../../core/src/testing/commands.ts";
import { applySnapshot } from "./snapshot.ts";
import { mergeRecords } from "./merge.ts";
import { PoemDevices, poem } from "../testing/poem-devices.ts";

const device = fc.nat(2);

const letters = ["a", "b", "c", "d", "e", "f", "g", "h"];

const values = fc.oneof(
  fc.record({ field: fc.constant("title"), value: fc.constantFrom<Json | undefined>(...letters, "", undefined) }),
  fc.record({
    field: fc.constant("lines"),
    value: fc.constantFrom<Json | undefined>(...letters.map((line) => [line]), []),
  }),
);

const actions = fc.oneof(
  { weight: 4, arbitrary: fc.record({ does: fc.constant("type"), device, typed: values }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constantFrom("push", "hear"), device, typed: fc.constant(null) }) },
);

const submits = fc.record({ does: fc.constant("submit"), device, typed: fc.constant(null) });

test.for([
  ["typed over", actions],
  ["typed over and submitted", fc.oneof({ weight: 8, arbitrary: actions }, { weight: 1, arbitrary: submits })],
] as const)(
  "S4: whatever devices type, and in whatever order they are heard, nothing is %s unseen and lost",
  ([, all]) => {
    fc.assert(
      fc.property(
        fc.array(all, { maxLength: 30, size: "max" }),
        fc.tuple(fc.constant(0), fc.constantFrom(0, -5_000, 5_000), fc.constantFrom(0, 200)),
        (done, aheadMs) => {
          const world = new PoemDevices(aheadMs);
          for (const { does, device: nth, typed: what } of done) {
            if (does === "type") world.type(nth, what.field, what.value);
            if (does === "submit") world.submit(nth);
            if (does === "push") world.push(nth);
            if (does === "hear") world.hear(nth);
          }
          world.requireNothingLost();
        },
      ),
      { numRuns: 150 },
    );
  },
);

const draftsOf = (world: PoemDevices, nth: number) => world.devices[nth]!.record.shelved;

test.for(["late", "early"] as const)(
  "S4: a value that was replaced unseen is kept where it was typed: it came %s",
  (came) => {
    const world = new PoemDevices([0, 0, 0]);
    world.type(0, "lines", ["long", "lines"]);
    if (came === "early") world.push(0);
    // It has not heard of the first.
    world.type(1, "lines", ["short"]);
    world.push(1);
    if (came === "late") world.push(0);
    world.hear(0);
    expect(draftsOf(world, 0)).toMatchObject([
      {
        kind: "draft",
        step: "text",
        mine: { lines: ["long", "lines"] },
        over: { device: { id: idOf(2), name: "Device 2" }, at: new Date(1_000_020).toISOString() },
      },
    ]);
    expect([...draftsOf(world, 1), ...draftsOf(world, 2)]).toEqual([]);
    // Typed on, it is replaced.
    world.type(0, "lines", ["short", "and long"]);
    expect(draftsOf(world, 0)).toEqual([]);
    world.push(0);
    world.hear(1);
    expect(draftsOf(world, 1)).toEqual([]);
  },
);

test("what another device says too, has seen, or was empty, is nothing to keep aside", () => {
  const world = new PoemDevices([0, 0, 0]);
  world.type(0, "title", "");
  world.type(1, "title", "b");
  world.push(1);
  world.push(0);
  expect(draftsOf(world, 0)).toEqual([]);
  world.type(2, "title", "c");
  world.push(2);
  world.hear(1);
  expect(draftsOf(world, 1)).toMatchObject([{ mine: { title: "b" } }]);
  // The third says the same in the end.
  world.type(2, "title", "b");
  world.push(2);
  world.hear(1);
  expect(draftsOf(world, 1)).toEqual([]);
  // All see one another's, live.
  for (let turn = 0; turn < 12; turn += 1) {
    for (const each of [0, 1, 2]) world.hear(each);
    world.type(turn % 3, "title", `b${turn}`);
    world.push(turn % 3);
  }
  for (const each of [0, 1, 2]) world.hear(each);
  expect(world.devices.flatMap(({ record }) => record.shelved)).toEqual([]);
});

test("S4: a value that a pending submission hides is not seen by the next submission, and is kept where it was typed", () => {
  const devices = new PoemDevices([0, -5_000]);
  devices.type(0, "lines", ["mine"]);
  devices.type(1, "lines", ["theirs"]);
  devices.push(1);
  devices.hear(0);
  devices.submit(0);
  devices.submit(0);
  devices.push(0);
  devices.hear(1);
  expect(draftsOf(devices, 1)).toMatchObject([{ mine: { lines: ["theirs"] } }]);
});

test("what one tab typed before it heard what another tab had heard already is kept aside, too", () => {
  const world = new PoemDevices([0, 0]);
  const before = world.devices[0]!.record;
  world.type(0, "title", "mine");
  const mine = world.devices[0]!.record;
  world.type(1, "title", "theirs");
  world.push(1);
  const heard = applySnapshot(world.snapshot, world.devices[0]!.device, poem)(before);
  for (const record of [mergeRecords(mine, heard), mergeRecords(heard, mine)]) {
    expect(record).toMatchObject({ drafts: {}, shelved: [{ mine: { title: "mine" } }] });
  }
});
