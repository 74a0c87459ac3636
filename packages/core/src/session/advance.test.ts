import fc from "fast-check";
import { expect, test } from "vitest";
import { commandSchema } from "../protocol/command.ts";
import type { AnyFlow } from "../flow/flow.ts";
import type { Json } from "../json.ts";
import { refusalSchema } from "../refusal.ts";
import { expireIfDue } from "./change.ts";
import { advance, seenBy } from "./advance.ts";
import { progressOf } from "./progress.ts";
import { snapshotSchema, type Snapshot } from "../protocol/snapshot.ts";
import { cancel, devices, idOf } from "../testing/commands.ts";
import { walks, type Turn } from "../testing/walk.ts";

const ofTurns = (law: (turn: Turn, flow: Parameters<typeof advance>[0]) => void) => {
  fc.assert(
    fc.property(walks, ({ flow, turns }) => {
      for (const turn of turns) law(turn, flow);
    }),
    { numRuns: 400 },
  );
};

test("every command that the wire lets through is accepted or refused, in the wire's own words", () => {
  ofTurns(({ command, result }) => {
    expect(commandSchema.safeParse(command).success).toBe(true);
    const parsed = result.accepted
      ? snapshotSchema.strict().safeParse(result.session)
      : refusalSchema.safeParse(result.refusal);
    expect(parsed.error).toBeUndefined();
  });
});

test("advance is pure: it changes nothing that it is given, and answers the same again", () => {
  ofTurns(({ before, command, given, result }, flow) => {
    const again = advance(flow, deepFrozen(before), deepFrozen(command), deepFrozen(given));
    expect(again).toEqual(result);
  });
});

test("a session survives its trip through JSON", () => {
  ofTurns(({ before, command, given, result }, flow) => {
    expect(advance(flow, throughJson(before), throughJson(command), given)).toEqual(throughJson(result));
  });
});

test("S3: an accepted command raises the revision by one, and one that changes nothing leaves the session as it is", () => {
  ofTurns(({ before, result }) => {
    if (!result.accepted) return;
    if (result.session === before) expect(result.change).toBeNull();
    else expect(result.session.revision).toBe((before?.revision ?? 0) + 1);
  });
});

test("S3: only drafts are accepted without a change for the history", () => {
  ofTurns(({ command, result }) => {
    if (result.accepted) expect(result.change === null).toBe(command.kind === "draft");
  });
});

/** What stands in a step, of which a sensitive one tells nothing. */
function toldOf(flow: AnyFlow, session: Snapshot, step: string): Json {
  return (flow.steps[step].sensitive ? null : session.data[step]) ?? null;
}

test("S3: a submission by someone who has not seen the latest one is refused and changes no value", () => {
  const seenLatest = (flow: Parameters<typeof advance>[0], session: Snapshot, turn: Turn) => {
    if (turn.command.kind !== "submit") return true;
    const { seen } = turn.command;
    return Object.entries(seenBy(flow, session, turn.command.step)).every(([name, id]) => (seen[name] ?? null) === id);
  };
  let stale = 0;
  ofTurns((turn, flow) => {
    const { before, command, result } = turn;
    if (command.kind !== "submit" || before?.status !== "active" || seenLatest(flow, before, turn)) return;
    expect(result.accepted).toBe(false);
    if (result.accepted || result.refusal.code !== "conflict") return;
    stale += 1;
    expect(result.refusal.theirs).toEqual(toldOf(flow, before, command.step));
    expect(result.refusal.changed.length).toBeGreaterThan(0);
  });
  expect(stale).toBeGreaterThan(0);
});

test("S3: of two submissions that saw the same, the second is told the value that stands", () => {
  ofTurns(({ command, given, result }, flow) => {
    if (command.kind !== "submit" || !result.accepted || result.session.status !== "active") return;
    const again = advance(flow, result.session, { ...command, id: idOf(9_999) }, given);
    const theirs = toldOf(flow, result.session, command.step);
    expect(again).toMatchObject({ refusal: { code: "conflict", changed: [command.step], theirs } });
  });
});

test("S6: an ended session stays as it ended, whatever is sent and however late", () => {
  ofTurns(({ before, command, given, result }, flow) => {
    if (before === null || before.status === "active") return;
    expect(result.accepted).toBe(false);
    expect(expireIfDue(before, given.nowMs + 1e12)).toBe(before);
    const ownCommand = cancel(before.id, { id: command.id, version: flow.version });
    expect(advance(flow, before, ownCommand, given)).toMatchObject({
      refusal: { code: "ended", status: before.status },
    });
  });
});

test("an active session is never complete, and a completed one has exactly what is on its path", () => {
  ofTurns(({ result }, flow) => {
    if (!result.accepted) return;
    const { session } = result;
    const { path, current } = progressOf(flow, session.data);
    if (session.status === "active") expect(current).not.toBeNull();
    if (session.status !== "completed") return;
    expect(Object.keys(session.data).toSorted()).toEqual([...path].toSorted());
    expect(Object.keys(session.submissions).toSorted()).toEqual([...path].toSorted());
  });
});

test("data and submissions name the same steps, and a step that is just submitted has no draft", () => {
  ofTurns(({ command, result }) => {
    if (!result.accepted) return;
    const { data, submissions, drafts, status } = result.session;
    expect(Object.keys(data).toSorted()).toEqual(Object.keys(submissions).toSorted());
    if (command.kind === "submit") expect(drafts).not.toHaveProperty(command.step);
    if (status !== "active") expect(drafts).toEqual({});
  });
});

test("a submission is kept under its command, its moment and its device, and says whether it is sensitive", () => {
  ofTurns(({ command, given, result }, flow) => {
    if (!result.accepted || command.kind !== "submit") return;
    expect(result.session.submissions[command.step]).toEqual({
      command: command.id,
      at: new Date(given.nowMs).toISOString(),
      device: given.device,
      ...(flow.steps[command.step].sensitive && { sensitive: true }),
    });
    expect(devices).toContainEqual(result.session.device);
  });
});

function deepFrozen<T>(value: T): T {
  if (typeof value === "object" && value !== null) {
    Object.values(value).forEach(deepFrozen);
    Object.freeze(value);
  }
  return value;
}

function throughJson<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}
