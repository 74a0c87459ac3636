import {
  advance,
  covers,
  defineFlow,
  sameJson,
  seenBy,
  step,
  type Device,
  type DraftCommand,
  type Json,
  type Outcome,
  type Slot,
  type Snapshot,
} from "@sessions/core";
import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import { applySnapshot } from "./snapshot.ts";
import { changedFields, newestTyped, stampFields, keepDraft } from "./drafts.ts";
import { keepOverwritten } from "./overwritten.ts";
import { enqueue } from "./queue.ts";
import { emptyRecord, sequence, type SessionRecord } from "./record.ts";
import { mergeRecords } from "./merge.ts";
import { applyReply } from "./reply.ts";
import { viewOf } from "./view.ts";

const poem = defineFlow({
  name: "poem",
  version: 1,
  steps: {
    text: step({ input: z.object({ title: z.string().optional(), lines: z.array(z.string()).optional() }) }),
    end: step({ input: z.object({}), dependsOn: ["text"] }),
  },
});
const session = "0190b2f4-0000-7000-8000-0000000000ff";
const idOf = (number: number) => `0190b2f4-0000-7000-8000-${String(number).padStart(12, "0")}`;
const fields = ["title", "lines"] as const;

/** Some devices of one owner, whose clocks differ, and the server that they reach when they push or hear. */
class World {
  snapshot: Snapshot;
  readonly devices: { readonly device: Device; readonly aheadMs: number; record: SessionRecord }[];
  /** Whatever was typed, by device and field, in its order; null where its person has decided on it. */
  readonly typed = new Map<string, (Slot | null)[]>();
  /** Every value that was ever submitted in a field. */
  readonly submitted = new Set<string>();
  #ids = 100;
  #nowMs = 1_000_000;

  constructor(newerOnServer: readonly number[]) {
    const start = { kind: "start", id: idOf(0), session, version: 1, flow: "poem" } as const;
    const begun = advance(poem, null, start, { device: { id: idOf(1), name: "Device 1" }, nowMs: this.#nowMs });
    if (!begun.accepted) throw new Error("A start is accepted.");
    this.snapshot = begun.session;
    this.devices = newerOnServer.map((aheadMs, index) => {
      const device = { id: idOf(index + 1), name: `Device ${index + 1}` };
      return { device, aheadMs, record: applySnapshot(this.snapshot, device, poem)(emptyRecord) };
    });
  }

  type(nth: number, field: string, value: Json | undefined): void {
    const one = this.devices[nth % this.devices.length]!;
    const view = viewOf(poem, one.record, one.device)!;
    const shown = view.drafts["text"];
    const changed = changedFields({ [field]: value }, shown, view.data["text"] as never);
    if (Object.keys(changed).length === 0) return;
    const slots = stampFields(one.record, changed, one.device.id, (this.#nowMs += 10) + one.aheadMs, shown);
    one.record = sequence(keepDraft("text", slots, 1), keepOverwritten())(one.record);
    this.#of(one.device, field).push(slots[field]!);
  }

  submit(nth: number): void {
    const { device } = this.devices[nth % this.devices.length]!;
    const one = this.devices[nth % this.devices.length]!;
    const view = viewOf(poem, one.record, device)!;
    const input = Object.fromEntries(
      fields.flatMap((field) => {
        const value =
          view.drafts["text"]?.[field]?.value ?? (view.data["text"] as { title?: Json } | undefined)?.["title"];
        return (field === "lines" ? Array.isArray(value) : typeof value === "string") ? [[field, value]] : [];
      }),
    );
    const until = newestTyped(one.record, "text");
    const command = {
      kind: "submit",
      id: idOf((this.#ids += 1)),
      session,
      version: 1,
      step: "text",
      input,
      seen: seenBy(poem, view, "text"),
      ...(until.length > 0 && { typed: until }),
    } as const;
    one.record = enqueue(command, null)(one.record);
    for (const field of fields) this.#of(device, field).push(null);
  }

  push(nth: number): void {
    const one = this.devices[nth % this.devices.length]!;
    const outcomes = new Map<string, Outcome>();
    const drafts = new Map<string, { step: string; slots: SessionRecord["drafts"][string] }>();
    const seen = { text: one.record.snapshot?.submissions["text"]?.command ?? null };
    const typedNow = Object.entries(one.record.drafts).map(([name, slots]): DraftCommand => {
      const id = idOf((this.#ids += 1));
      drafts.set(id, { step: name, slots });
      return { kind: "draft", id, session, version: 1, step: name, seen, fields: slots };
    });
    for (const command of [...one.record.pending.map((entry) => entry.command), ...typedNow]) {
      const advanced = advance(poem, this.snapshot, command, { device: one.device, nowMs: this.#nowMs });
      if (advanced.accepted) this.snapshot = advanced.session;
      for (const entry of Object.entries((this.snapshot.data["text"] ?? {}) as object)) {
        this.submitted.add(JSON.stringify(entry));
      }
      const { revision } = this.snapshot;
      outcomes.set(
        command.id,
        advanced.accepted
          ? { outcome: "accepted", revision, replayed: false }
          : { outcome: "refused", refusal: advanced.refusal },
      );
    }
    const answer = { snapshot: structuredClone(this.snapshot), outcomes, drafts };
    one.record = applyReply(answer, { flow: poem, device: one.device, nowMs: this.#nowMs })(one.record);
  }

  hear(nth: number): void {
    const one = this.devices[nth % this.devices.length]!;
    one.record = applySnapshot(structuredClone(this.snapshot), one.device, poem)(one.record);
  }

  /** Everything at rest: what nobody has seen is where it was typed, once. */
  requireNothingLost(): void {
    for (let round = 0; round < 3; round += 1) for (const index of this.devices.keys()) this.push(index);
    for (const index of this.devices.keys()) this.hear(index);
    for (const { device, record } of this.devices) {
      if (Object.keys(record.drafts).length > 0) throw new Error(`${device.name} has something to send.`);
      if (record.shelved.filter(({ kind }) => kind === "draft").length > 1) throw new Error("There is a pile.");
      for (const field of fields) {
        const slot = this.#of(device, field).at(-1);
        if (slot === undefined || slot === null || this.#isSafe(slot, field, record)) continue;
        throw new Error(`${field} ${JSON.stringify(slot)} of ${device.name} is gone: ${JSON.stringify(record)}`);
      }
    }
  }

  #isSafe(slot: Slot, field: string, record: SessionRecord): boolean {
    const { value, at } = slot;
    if (value === undefined || value === "" || (Array.isArray(value) && value.length === 0)) return true;
    const others = [...this.typed].flatMap(([key, slots]) =>
      key.endsWith(field) ? slots.filter(Boolean) : [],
    ) as Slot[];
    // Somebody typed over it, or submitted, with it or the same on the screen.
    if (others.some((other) => other.at !== at && covers(other, at))) return true;
    if (others.some((other) => other.at !== at && sameJson(other.value, value))) return true;
    const stands = this.snapshot.drafts["text"]?.[field];
    const submission = this.snapshot.submissions["text"];
    if (sameJson(stands?.value, value) || this.submitted.has(JSON.stringify([field, value]))) return true;
    if (submission?.typed?.some((seen) => covers({ at: seen }, at))) return true;
    return record.shelved.some(({ mine }) => sameJson((mine as Record<string, Json>)?.[field], value));
  }

  #of({ id }: Device, field: string): (Slot | null)[] {
    const key = `${id} ${field}`;
    const slots = this.typed.get(key) ?? [];
    this.typed.set(key, slots);
    return slots;
  }
}

const device = fc.nat(2);
const letters = ["a", "b", "c", "d", "e", "f", "g", "h"];
const values = fc.oneof(
  fc.record({ field: fc.constant("title"), value: fc.constantFrom<Json | undefined>(...letters, "", undefined) }),
  fc.record({
    field: fc.constant("lines"),
    value: fc.constantFrom<Json | undefined>(...letters.map((line) => [line]), []),
  }),
);
const deeds = fc.oneof(
  { weight: 4, arbitrary: fc.record({ does: fc.constant("type"), device, typed: values }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constantFrom("push", "hear"), device, typed: fc.constant(null) }) },
);
const submits = fc.record({ does: fc.constant("submit"), device, typed: fc.constant(null) });

test.for([
  ["typed over", deeds],
  ["typed over and submitted", fc.oneof({ weight: 8, arbitrary: deeds }, { weight: 1, arbitrary: submits })],
] as const)(
  "S4: whatever devices type, and in whatever order they are heard, nothing is %s unseen and lost",
  ([, all]) => {
    fc.assert(
      fc.property(
        fc.array(all, { maxLength: 30, size: "max" }),
        fc.tuple(fc.constant(0), fc.constantFrom(0, -5_000, 5_000), fc.constantFrom(0, 200)),
        (done, newerOnServer) => {
          const world = new World(newerOnServer);
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

const draftsOf = (world: World, nth: number) => world.devices[nth]!.record.shelved;

test.for(["late", "early"] as const)(
  "S4: a value that was replaced unseen is kept where it was typed: it came %s",
  (came) => {
    const world = new World([0, 0, 0]);
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
  const world = new World([0, 0, 0]);
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

test("what one tab typed before it heard what another tab had heard already is kept aside, too", () => {
  const world = new World([0, 0]);
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
