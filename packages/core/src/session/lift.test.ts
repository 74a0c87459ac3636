import fc from "fast-check";
import { expect, test } from "vitest";
import { z } from "zod";
import type { Command } from "../protocol/command.ts";
import { mergeFields } from "./drafts.ts";
import { defineFlow, type AnyFlow } from "../flow/flow.ts";
import { storable, type Json } from "../json.ts";
import { liftDrafts, liftSession } from "./lift.ts";
import type { OldFields } from "../flow/migration.ts";
import { advance, apply, seenBy } from "./session.ts";
import type { Snapshot } from "../protocol/snapshot.ts";
import { nextStamp, oldest } from "../protocol/stamp.ts";
import { step, type Steps } from "../flow/step.ts";
import { DAWN_MS, devices, idOf, walks, type Turn } from "../testing/walk.ts";

const [phone, laptop] = devices;
const session = idOf(0);
const accepted = z.object({ accepted: z.literal(true) });

const first = defineFlow({
  name: "transfer",
  version: 1,
  steps: {
    payee: step({ input: z.object({ first: z.string(), last: z.string().optional() }) }),
    purpose: step({ input: z.object({ text: z.string() }) }),
    amount: step({ input: z.object({ euros: z.int() }), dependsOn: ["payee"] }),
    review: step({ input: accepted, dependsOn: ["payee", "amount"], confirm: true }),
  },
});
const second = defineFlow({
  name: "transfer",
  version: 2,
  steps: {
    recipient: step({ input: z.object({ name: z.string().min(2), country: z.string() }) }),
    amount: step({ input: z.object({ cents: z.int() }), dependsOn: ["recipient"] }),
    review: step({ input: accepted, dependsOn: ["recipient", "amount"], confirm: true }),
  },
  migrate: {
    1: {
      payee: {
        to: "recipient",
        fields: ({ first: given, last }) => ({
          name: [given, last].flatMap((name) => (typeof name === "string" ? name : [])).join(" "),
          country: "BE",
        }),
      },
      purpose: null,
      amount: ({ euros }) => ({ cents: typeof euros === "number" ? euros * 100 : euros }),
    },
  },
});
/** The amount is now computed on, so that it is asked again. */
const third = defineFlow({
  name: "transfer",
  version: 3,
  steps: {
    ...second.steps,
    amount: step({ input: z.object({ cents: z.int() }), output: z.object({ fee: z.int() }), dependsOn: ["recipient"] }),
  },
  migrate: { ...second.migrate, 2: { amount: { again: true } } },
});

let minted = 0;
const common = () => ({ id: idOf((minted += 1)), session });
const starting = (version = 1): Command => ({ kind: "start", ...common(), version, flow: "transfer" });
const cancelling = (version = 1): Command => ({ kind: "cancel", ...common(), version });
function submitting(flow: AnyFlow, at: Snapshot, name: string, input: Json): Command {
  return { kind: "submit", ...common(), version: flow.version, step: name, input, seen: seenBy(flow, at, name) };
}
function drafting(version: number, name: string, values: Record<string, Json>, atMs = DAWN_MS, by = phone): Command {
  const fields = Object.entries(values).map(([field, value]) => [field, { value, at: nextStamp(by.id, atMs) }]);
  return { kind: "draft", ...common(), version, step: name, fields: Object.fromEntries(fields) };
}

/** A session of version 1 after these steps. */
function begun(...inputs: readonly (readonly [string, Json])[]): Snapshot {
  let at = taken(first, null, starting());
  for (const [name, input] of inputs) at = taken(first, at, submitting(first, at, name, input));
  return at;
}

function judged(flow: AnyFlow, before: Snapshot | null, command: Command) {
  return advance(flow, before, command, { nowMs: DAWN_MS + 60_000, device: phone });
}

function taken(flow: AnyFlow, before: Snapshot | null, command: Command): Snapshot {
  const result = judged(flow, before, command);
  if (!result.accepted) throw new Error(`Refused: ${JSON.stringify(result.refusal)}`);
  return result.session;
}

const payee = ["payee", { first: "Ada", last: "Lovelace" }] as const;
const recipient = { name: "Ada Lovelace", country: "BE" };

const names = new Map([
  ["b", "bee"],
  ["value", "total"],
]);
const renamed = (name: string) => names.get(name) ?? name;
const rename = <T>(record: Record<string, T>, map: (value: T) => T = (value) => value): Record<string, T> =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [renamed(name), map(value)]));

/** The same flow a version later: a step and a field have other names. */
function later(flow: AnyFlow): AnyFlow {
  const steps: Steps = {};
  for (const name of flow.stepNames) {
    const { dependsOn, confirm, sensitive } = flow.steps[name];
    const input = z.object({ total: z.int(), note: z.string().optional() });
    steps[renamed(name)] = step({ input, dependsOn: dependsOn.map(renamed), confirm, sensitive });
  }
  const fields = ({ value, ...others }: { readonly [field: string]: Json | undefined }) => ({
    ...others,
    total: value,
  });
  const moves = flow.stepNames.map((name) => [name, { to: renamed(name), fields }]);
  return defineFlow({
    name: flow.name,
    version: 2,
    steps,
    path: (data) => {
      const { bee, ...others } = data as Record<string, Json>;
      const before = Object.entries({ ...others, ...(bee !== undefined && { b: bee }) });
      const asked = before.map(([name, value]) => [name, { value: (value as { total: Json }).total }]);
      return flow.pathOf(Object.fromEntries(asked)).map(renamed);
    },
    expires: { idle: "72h", absolute: "10d" },
    migrate: { 1: Object.fromEntries(moves) },
  });
}

function inNewWords(old: Snapshot): Snapshot {
  return {
    ...old,
    version: 2,
    data: rename(old.data, (value) => rename(value as Record<string, Json>)),
    submissions: rename(old.submissions),
    drafts: rename(old.drafts, (fields) => rename(fields)),
  };
}

const ofFirst = (turns: readonly Turn[]) =>
  turns.filter(({ before, command }) => before !== null && command.version === 1 && command.kind !== "start");

test("S12: after a deploy, a session and the commands of the version before are judged as without it", () => {
  const seen = { accepted: 0, refused: 0, confirming: 0 };
  fc.assert(
    fc.property(walks, ({ flow, turns }) => {
      const next = later(flow);
      for (const { before, command, given, result } of ofFirst(turns)) {
        const after = advance(next, before, command, given);
        // Which fields the version before had, nobody knows any more.
        if (!result.accepted && result.refusal.code === "invalid_input" && command.kind === "draft") continue;
        const confirming = command.kind === "submit" && flow.steps[command.step]?.confirm === true;
        if (!result.accepted || confirming) {
          expect(after.accepted).toBe(false);
          if (after.accepted || result.accepted) seen.confirming += 1;
          else if (!confirming) expect(after.refusal.code).toBe(result.refusal.code);
          seen.refused += 1;
          continue;
        }
        seen.accepted += 1;
        const unchanged = result.session === before;
        expect(after).toMatchObject({ accepted: true, session: unchanged ? before : inNewWords(result.session) });
      }
    }),
    { numRuns: 300 },
  );
  for (const count of Object.values(seen)) expect(count).toBeGreaterThan(50);
});

test("S12: a session that spans versions replays from its history, each entry by the flow of its version", () => {
  let lifts = 0;
  fc.assert(
    fc.property(walks, fc.nat(6), ({ flow, turns }, deployed) => {
      const next = later(flow);
      let live: Snapshot | null = null;
      let replayed: Snapshot | null = null;
      for (const [index, { command, given }] of turns.entries()) {
        const serving = index >= deployed ? next : flow;
        const result = advance(serving, live, command, given);
        if (!result.accepted) continue;
        live = result.session;
        if (result.change === null) continue;
        if (result.change.lifted) lifts += 1;
        replayed = apply(serving, replayed, result.change, { ...given, command: command.id, session });
      }
      const aside = { drafts: {}, revision: 0, device: null, updatedAt: "", expiresAt: "", endedAt: "" };
      if (live !== null) expect({ ...replayed!, ...aside }).toEqual({ ...live, ...aside });
    }),
    { numRuns: 300 },
  );
  expect(lifts).toBeGreaterThan(50);
});

test("S12: drafts of two versions merge to the same, whichever is lifted first, and the newest typed wins", () => {
  const stamp = fc
    .record({ by: fc.constantFrom(phone, laptop), ms: fc.integer({ min: 1, max: 50 }) })
    .map(({ by, ms }) => nextStamp(by.id, ms));
  const kept = fc.jsonValue().filter((value) => storable(value).ok);
  const fields = fc.dictionary(fc.constantFrom("value", "note"), fc.record({ value: kept, at: stamp }), {
    maxKeys: 2,
  });
  const flow = defineFlow({
    name: "one",
    version: 2,
    steps: { bee: step({ input: z.object({ total: z.int(), note: z.string() }) }) },
    migrate: { 1: { b: { to: "bee", fields: ({ value, note }) => ({ total: value, note }) } } },
  });
  fc.assert(
    fc.property(fields, fields, (left, right) => {
      const merged = liftDrafts(flow, 1, { b: right }, liftDrafts(flow, 1, { b: left }));
      expect(merged).toEqual({ bee: rename(mergeFields(left, right)) });
      expect(merged).toEqual(liftDrafts(flow, 1, { b: mergeFields(left, right) }));
    }),
  );
});

test("S12: a field made of others is as new as the newest of them, and one that is made up as old as can be", () => {
  const [at, later1, later2] = [1, 2, 3].map((ms) => nextStamp(phone.id, ms)) as [string, string, string];
  const typed = { first: { value: "Ada", at: later2 }, last: { value: "Lovelace", at: later1 } };
  const lifted = liftDrafts(second, 1, { payee: typed, purpose: { text: { value: "Rent", at } } });
  expect(lifted).toEqual({
    recipient: { name: { value: "Ada Lovelace", at: later2 }, country: { value: "BE", at: oldest(at) } },
  });
});

test("S12: one field that is typed over what was submitted is lifted with the rest of its step", () => {
  const submitted = begun(payee);
  const typedOver = drafting(1, "payee", { first: "Augusta" });
  const together = { recipient: { name: { value: "Augusta Lovelace" } } };
  const before = taken(first, submitted, typedOver);
  expect(liftSession(second, before).drafts).toMatchObject(together);
  expect(Object.keys(liftSession(second, before).drafts["recipient"]!)).toEqual(["name"]);
  // So is one that is sent late, by a page of the version before.
  expect(taken(second, submitted, typedOver).drafts).toMatchObject(together);
  // Beside what another device is typing.
  const other = taken(first, begun(), drafting(1, "payee", { first: "Ada", last: "King" }, DAWN_MS - 60_000, laptop));
  expect(taken(second, other, typedOver).drafts).toMatchObject({ recipient: { name: { value: "Augusta King" } } });
});

test("S12: a session, its drafts and a queued submission go through each version to the current one", () => {
  const before = taken(first, begun(payee), drafting(1, "amount", { euros: 7 }));
  const after = liftSession(second, before);
  expect(after).toMatchObject({ version: 2, revision: before.revision, data: { recipient } });
  expect(after.drafts["amount"]).toMatchObject({ cents: { value: 700 } });
  expect(after.submissions).toEqual({ recipient: before.submissions["payee"] });

  const purpose = judged(second, before, submitting(first, before, "purpose", { text: "Rent" }));
  expect(purpose).toMatchObject({ accepted: false, refusal: { code: "unknown_step", step: "purpose" } });
  const amount = submitting(first, before, "amount", { euros: 8 });
  expect(judged(second, before, amount)).toMatchObject({
    accepted: true,
    session: { version: 2, revision: before.revision + 1, data: { recipient, amount: { cents: 800 } } },
    change: { kind: "submit", step: "amount", data: { cents: 800 }, lifted: { version: 2, data: { recipient } } },
  });
});

test("S12: a step that is asked again offers what was submitted, clears what depends on it, and loses nothing typed", () => {
  const before = begun(payee, ["purpose", { text: "Rent" }], ["amount", { euros: 7 }]);
  const after = liftSession(third, before);
  expect(after.data).toEqual({ recipient });
  expect(after.drafts).toMatchObject({ amount: { cents: { value: 700 } } });
  // Whoever comes by way of the version between arrives at the same.
  expect(liftSession(third, liftSession(second, before))).toEqual(after);
  const queued = submitting(first, before, "amount", { euros: 9 });
  expect(judged(third, before, queued)).toMatchObject({ refusal: { code: "invalid_input", step: "amount" } });
});

test("S12: what depends on a step that is asked again is cleared and offered, but for what confirms something", () => {
  const flow = defineFlow({
    name: "transfer",
    version: 2,
    steps: {
      recipient: second.steps.recipient,
      amount: second.steps.amount,
      signed: step({ input: accepted, dependsOn: ["recipient"], confirm: true }),
      sealed: step({ input: accepted, confirm: true }),
    },
    migrate: {
      1: {
        ...second.migrate[1],
        payee: { to: "recipient", fields: () => recipient, again: true },
        sealed: { again: true },
      },
    },
  });
  const told = { command: idOf(1), at: new Date(DAWN_MS).toISOString(), device: phone };
  const before = begun(payee, ["purpose", { text: "Rent" }], ["amount", { euros: 7 }]);
  const data = { ...before.data, signed: { accepted: true }, sealed: { accepted: true } };
  const submissions = { ...before.submissions, signed: told, sealed: told };
  const after = liftSession(flow, { ...before, data, submissions });
  expect([after.data, after.submissions]).toEqual([{}, {}]);
  expect(Object.keys(after.drafts)).toEqual(["recipient", "amount"]);
  expect(after.drafts).toMatchObject({
    recipient: { name: { value: "Ada Lovelace" } },
    amount: { cents: { value: 700 } },
  });
});

test("S12: lifting is no write: a draft that says nothing new leaves the session at its version and revision", () => {
  const before = taken(first, begun(payee), drafting(1, "amount", { euros: 7 }));
  expect(judged(second, before, drafting(1, "amount", { euros: 7 }))).toEqual({
    accepted: true,
    session: before,
    change: null,
  });
  const typed = judged(second, before, drafting(2, "amount", { cents: 9 }, DAWN_MS + 5));
  expect(typed).toMatchObject({
    accepted: true,
    session: { version: 2, revision: before.revision + 1 },
    change: { kind: "lift", lifted: { version: 2, data: { recipient } } },
  });
  expect(JSON.stringify(typed.accepted && typed.change)).not.toContain("cents");
});

test("S12: only a submission completes a session: when a deploy leaves nothing to do, the last step is asked again", () => {
  const flow = defineFlow({
    name: "transfer",
    version: 2,
    steps: { payee: first.steps.payee },
    migrate: { 1: { purpose: null, amount: null, review: null } },
  });
  const before = begun(payee, ["purpose", { text: "Rent" }]);
  const after = liftSession(flow, before);
  expect(after).toMatchObject({ status: "active", data: {}, drafts: { payee: { first: { value: "Ada" } } } });
  const done = judged(flow, before, submitting(flow, after, "payee", payee[1]));
  expect(done).toMatchObject({ accepted: true, session: { status: "completed" } });
});

test("S12: whoever confirms has seen it as it is now: an earlier version's confirmation is outdated", () => {
  const before = begun(payee, ["purpose", { text: "Rent" }], ["amount", { euros: 7 }]);
  const review = submitting(first, before, "review", { accepted: true });
  expect(judged(second, before, review)).toEqual({
    accepted: false,
    refusal: { code: "outdated", given: 1, current: 2 },
  });
});

test("S12: what is of a later version is outdated, and not written", () => {
  const before = begun(payee);
  const ahead = taken(second, before, submitting(first, before, "amount", { euros: 1 }));
  for (const command of [drafting(1, "payee", { first: "Bob" }), cancelling(), cancelling(2)]) {
    expect(judged(first, ahead, command)).toEqual({
      accepted: false,
      refusal: { code: "outdated", given: 2, current: 1 },
    });
  }
  expect(judged(first, null, starting(2))).toMatchObject({ refusal: { code: "outdated", given: 2, current: 1 } });
  // Its id is taken, whatever version a start is of.
  expect(judged(first, ahead, starting(2))).toMatchObject({ refusal: { code: "command_mismatch" } });
});

const broken: readonly (readonly [string, AnyFlow["migrate"]])[] = [
  ["version 1 has no migration.", {}],
  ["the flow has no such step.", { 1: { purpose: null } }],
  [
    "the migration threw TypeError.",
    { 1: { payee: { to: "recipient", fields: ({ middle }) => ({ name: (middle as string).trim() }) } } },
  ],
  [
    "the migration made no object of JSON.",
    { 1: { payee: { to: "recipient", fields: () => ({ name: new Date() as unknown as Json }) } } },
  ],
  ["the schema refuses what it holds.", { 1: { payee: { to: "recipient", fields: () => ({ name: "?" }) } } }],
  ["a field of it is gone.", { 1: { payee: { to: "recipient" } } }],
  [
    "another step became the same.",
    {
      1: {
        payee: { to: "amount", fields: () => ({ cents: 1 }) },
        purpose: { to: "amount", fields: () => ({ cents: 2 }) },
      },
    },
  ],
];

test.for(broken)(
  "S12: when %s the session is kept as it is, and reported without what was typed",
  ([reason, migrate]) => {
    const before = begun(payee, ["purpose", { text: "Rent" }]);
    const kept = structuredClone(before);
    const result = judged({ ...second, migrate }, before, cancelling());
    expect(result).toMatchObject({ accepted: false, refusal: { code: "outdated", given: 1, current: 2 } });
    const { fault } = result as Extract<typeof result, { accepted: false }>;
    expect(fault).toMatchObject({ code: "migration_failed", message: expect.stringContaining(reason) });
    expect(String(fault)).not.toMatch(/Ada|Lovelace|Rent/);
    expect(fault!.cause).toBeUndefined();
    expect(before).toEqual(kept);
  },
);

test("S12: what a schema changes as it parses is not run through it a second time", () => {
  const doubled = z.object({ n: z.int().transform((n) => n * 2) });
  const one = defineFlow({
    name: "one",
    version: 1,
    steps: { only: step({ input: doubled }), end: step({ input: accepted }) },
  });
  const two = { ...one, version: 2, migrate: { 1: {} } };
  const begin = taken(one, null, { ...starting(), flow: "one" } as Command);
  const before = taken(one, begin, submitting(one, begin, "only", { n: 4 }));
  expect(before.data).toEqual({ only: { n: 8 } });
  expect(liftSession(two, before)).toMatchObject({ data: { only: { n: 8 } }, inputs: { only: { n: 4 } } });
  const told = { ...two, migrate: { 1: { only: ({ n }: OldFields) => ({ n: Number(n) * 10 }) } } };
  expect(liftSession(told, before)).toMatchObject({ data: { only: { n: 80 } }, inputs: { only: { n: 40 } } });
});

test("S12: an output of another shape is not told as the new one", () => {
  const outputs = { recipient: { fee: "?" } };
  const flow = defineFlow({
    name: "transfer",
    version: 2,
    steps: {
      payee: step({ input: first.steps.payee.input, output: z.object({ fee: z.int() }) }),
      purpose: first.steps.purpose,
    },
    migrate: { 1: { amount: null, review: null } },
  });
  const before = { ...begun(payee), outputs };
  expect(() => liftSession(flow, before)).toThrow("its output does not fit.");
  const kept = liftSession(flow, { ...before, outputs: { payee: { fee: 3 } } });
  expect(kept.outputs).toEqual({ payee: { fee: 3 } });
});

test("S12, S6: an ended session keeps its end; what would be asked again is left out", () => {
  const before = taken(first, begun(payee, ["purpose", { text: "Rent" }], ["amount", { euros: 7 }]), cancelling());
  const after = liftSession(third, before);
  expect(after).toMatchObject({ status: "cancelled", endedAt: before.endedAt, revision: before.revision });
  expect(after).toMatchObject({ data: { recipient } });
  expect([after.data["amount"], after.drafts]).toEqual([undefined, {}]);
});

test("S12: a field that was emptied is empty at the next version too, under the name that it has there", () => {
  const text = z.string().optional();
  const before = defineFlow({
    name: "t",
    version: 1,
    steps: { a: step({ input: z.object({ x: text, y: text, z: text }) }) },
  });
  const moves = {
    spread: ({ x, ...others }: OldFields) => ({ ...others, ex: x }),
    named: (old: OldFields) => ({ ex: old["x"], y: old["y"], z: old["z"] }),
    given: (old: OldFields) => ({ ...(old["x"] !== undefined && { ex: old["x"] }), y: old["y"], z: old["z"] }),
    doubled: ({ x, y, z }: OldFields) => ({ ex: typeof x === "number" ? x * 2 : undefined, y, z }),
  };
  const at = (ms: number) => nextStamp(phone.id, DAWN_MS + ms);
  const emptied = { a: { x: { at: at(2) }, y: { value: "typed", at: at(1) } } };
  for (const fields of Object.values(moves)) {
    const input = z.object({ ex: text, y: text, z: text });
    const after = defineFlow({ name: "t", version: 2, steps: { a: step({ input }) }, migrate: { 1: { a: fields } } });
    const lifted = { a: { ex: { at: at(2) }, y: { value: "typed", at: at(1) } } };
    expect(liftDrafts(after, 1, emptied)).toStrictEqual(lifted);
    const standing = { version: 1, data: { a: { x: "submitted", z: "stays" } }, inputs: {}, drafts: {} };
    expect(liftDrafts(after, 1, emptied, {}, standing)).toStrictEqual(lifted);
    expect(liftDrafts(after, 1, { a: emptied.a }, { a: { ex: { value: "typed since", at: at(3) } } })).toMatchObject({
      a: { ex: { value: "typed since" } },
    });
  }
  const same = defineFlow({ name: "t", version: 2, steps: before.steps, migrate: { 1: {} } });
  expect(liftDrafts(same, 1, emptied)).toStrictEqual(emptied);
});

test("S25: a draft of thousands of fields is lifted in a moment, and what nobody typed is as old as can be", () => {
  const any = step({ input: z.record(z.string(), z.json()) });
  const flow = defineFlow({
    name: "large",
    version: 2,
    steps: { a: any },
    migrate: {
      1: { a: ({ first, ...others }) => ({ ...others, renamed: first, made: 1, emptied: others["emptied"] }) },
    },
  });
  const [phone] = devices;
  const stamps = Array.from({ length: 4_000 }, (_, nth) => nextStamp(phone.id, DAWN_MS + nth));
  const fields = Object.fromEntries(stamps.map((at, nth) => [`f${nth}`, { value: nth, at }]));
  const before = process.cpuUsage();
  const lifted = liftDrafts(flow, 1, {
    a: { ...fields, first: { value: "x", at: stamps[0]! }, emptied: { at: stamps[1]! } },
  })["a"]!;
  expect(process.cpuUsage(before).user).toBeLessThan(1_000_000);
  expect(lifted).toMatchObject({
    f7: fields["f7"],
    made: { value: 1, at: oldest(stamps[0]!) },
    // Of so many it is not tried of which it is made.
    renamed: { value: "x", at: stamps.at(-1) },
  });
  expect(lifted["emptied"]).toEqual({ at: stamps[1] });
});
