import fc from "fast-check";
import { z } from "zod";
import type { Command, Device } from "../protocol/command.ts";
import { defineFlow, type AnyFlow } from "../flow/flow.ts";
import { advance, seenBy, type Advanced, type AdvanceContext } from "../session/advance.ts";
import { progressOf } from "../session/progress.ts";
import type { Snapshot } from "../protocol/snapshot.ts";
import { nextStamp } from "../protocol/stamp.ts";
import { step, type Steps } from "../flow/step.ts";
import { cancel, devices, draft, idOf, start, START_MS, submit } from "./commands.ts";

/** One command met by one session. */
export interface Turn {
  readonly before: Snapshot | null;
  readonly command: Command;
  readonly given: AdvanceContext;
  readonly result: Advanced;
}

/** A session's life under commands of two devices: sensible, stale, late and mad ones. */
export interface Walk {
  readonly flow: AnyFlow;
  readonly turns: readonly Turn[];
  readonly session: Snapshot | null;
}

export const stepNames = ["a", "b", "c", "d", "e"] as const;
const input = z.object({ value: z.int(), note: z.string().optional() });

/**
 * Flows of one to five steps; a step may depend on earlier ones, may be on the path only when `a` is even, and may
 * confirm something or be sensitive.
 */
export const flows: fc.Arbitrary<AnyFlow> = fc
  .array(
    fc.record({
      dependsOn: fc.subarray([...stepNames]),
      confirm: fc.boolean(),
      sensitive: fc.boolean(),
      whenEven: fc.boolean(),
    }),
    { minLength: 1, maxLength: stepNames.length, size: "max" },
  )
  .map((shapes) => {
    const names = stepNames.slice(0, shapes.length);
    const steps: Steps = {};
    for (const [index, name] of names.entries()) {
      const { dependsOn, confirm, sensitive } = shapes[index]!;
      steps[name] = step({
        input,
        dependsOn: dependsOn.filter((other) => names.indexOf(other) < index && names.includes(other)),
        confirm,
        sensitive,
      });
    }
    return defineFlow({
      name: "generated",
      version: 1,
      steps,
      path: ({ a }) =>
        names.filter((_, index) => index === 0 || !shapes[index]!.whenEven || Number(a?.["value"]) % 2 === 0),
      expires: { idle: "72h", absolute: "10d" },
    });
  });

type Making = (now: {
  flow: AnyFlow;
  session: Snapshot | null;
  past: readonly Snapshot[];
  id: string;
  nowMs: number;
  device: Device;
}) => Command;

const sessionId = idOf(0);
/** A step by its place, or null for the session's current one. */
const target = fc.option(fc.nat(stepNames.length - 1), { freq: 2 });

const starting = fc.constant<Making>(({ id }) => start(sessionId, "generated", { id }));

/** `age`: how many snapshots ago the person looked. */
const submitting = fc
  .record({
    at: target,
    value: fc.oneof({ weight: 4, arbitrary: fc.nat(9) }, fc.jsonValue()),
    age: fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.nat(6)),
  })
  .map<Making>(({ at, value, age }) => ({ flow, session, past, id }) => {
    const name = aim(flow, session, at);
    const looked = past[past.length - 1 - age] ?? session;
    const seen = looked === null ? {} : seenBy(flow, looked, name);
    return submit(sessionId, name, { value }, { id, seen });
  });

const drafting = fc
  .record({
    at: target,
    field: fc.constantFrom("value", "note"),
    value: fc.jsonValue(),
    lagMs: fc.integer({ min: -200_000, max: 200_000 }),
  })
  .map<Making>(({ at, field, value, lagMs }) => ({ flow, session, id, nowMs, device }) => {
    const fields = { [field]: { value, at: nextStamp(device.id, nowMs - lagMs) } };
    return draft(sessionId, aim(flow, session, at), fields, { id });
  });

const cancelling = fc.constant<Making>(({ id }) => cancel(sessionId, { id }));

const strangeName = fc.oneof(
  fc.string({ minLength: 1, maxLength: 8 }),
  fc.constantFrom("__proto__", "constructor", "toString"),
);

const strangeKey = strangeName.filter((name) => name !== "__proto__");

/** Any command that the schema of a request allows. */
const mad = fc
  .record({
    kind: fc.constantFrom("start", "submit", "draft", "cancel"),
    version: fc.integer({ min: 1, max: 3 }),
    flow: strangeName,
    step: fc.oneof(strangeName, fc.constantFrom<string>(...stepNames)),
    input: fc.jsonValue({ maxDepth: 4 }),
    seen: fc.dictionary(strangeKey, fc.constantFrom(null, idOf(1), idOf(2))),
    fields: fc.dictionary(
      fc.oneof(strangeKey, fc.constant("value")),
      fc.record({ value: fc.jsonValue(), at: fc.nat().map((ms) => nextStamp(devices[0].id, ms)) }),
    ),
  })
  .map<Making>((command) => ({ id }) => ({ ...command, id, session: sessionId }));

const moves = fc.array(
  fc.record({
    making: fc.oneof(
      { weight: 1, arbitrary: starting },
      { weight: 20, arbitrary: submitting },
      { weight: 7, arbitrary: drafting },
      { weight: 1, arbitrary: cancelling },
      { weight: 2, arbitrary: mad },
    ),
    device: fc.constantFrom(...devices),
    elapsedMs: fc.oneof(
      { weight: 30, arbitrary: fc.nat(600_000) },
      { weight: 1, arbitrary: fc.integer({ min: -60_000, max: 100 * 3_600_000 }) },
    ),
  }),
  { maxLength: 24 },
);

/** Walks that mostly begin with a start. */
export const walks: fc.Arbitrary<Walk> = fc
  .record({ flow: flows, begun: fc.option(starting, { freq: 20 }), moves })
  .map(({ flow, begun, moves }) => {
    const first = begun ? [{ making: begun, device: devices[0], elapsedMs: 0 }] : [];
    const turns: Turn[] = [];
    const past: Snapshot[] = [];
    let session: Snapshot | null = null;
    let nowMs = START_MS;
    for (const [index, { making, device, elapsedMs }] of [...first, ...moves].entries()) {
      nowMs += elapsedMs;
      const given = { nowMs, device };
      const command = making({ flow, session, past, id: idOf(index + 1), ...given });
      const result = advance(flow, session, command, given);
      turns.push({ before: session, command, given, result });
      if (!result.accepted) continue;
      session = result.session;
      past.push(session);
    }
    return { flow, turns, session };
  });

function aim(flow: AnyFlow, session: Snapshot | null, at: number | null): string {
  if (at !== null) return flow.stepNames[at % flow.stepNames.length]!;
  return (session && progressOf(flow, session.data).current) ?? "a";
}
