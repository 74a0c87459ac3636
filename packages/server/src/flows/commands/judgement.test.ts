import { v7 as uuidv7 } from "uuid";
import { expect, test } from "vitest";
import { advance, MAX_SESSION_COMMANDS, refusedOutcome, type Command, type Json } from "@sessions/core/internal";
import { judgeOnServer } from "./judgement.ts";
import { keylessCipher } from "../../secrets/owner-cipher.ts";
import { serve } from "../configuration/served-flow.ts";
import { nextStored, type StoredSession } from "../rows/stored-session.ts";
import { cancel, notes, start, submit } from "../../testing/bank.ts";

const flows = new Map([["notes", serve(notes, {})]]);
const device = { id: uuidv7(), name: "Phone" };
const given = { nowMs: Date.parse("2026-03-01T00:00:00Z"), device };

function taken(before: StoredSession | null, command: Command): StoredSession {
  const advanced = advance(notes, before?.snapshot ?? null, command, given);
  if (!advanced.accepted) throw new Error(advanced.refusal.code);
  return nextStored(keylessCipher, before, { snapshot: advanced.session }, advanced.change, command, notes).stored;
}

const session = uuidv7();
const left = submit(session, "left", { text: "x" });
const middle = submit(session, "middle", { text: "x" }, { left: left.id });
const right = submit(session, "right", {});
const begun = [start(session, "notes"), left, middle, right].reduce<StoredSession | null>(taken, null)!;

test("a session that has taken all its commands takes those that end it, and no other", () => {
  const full = { ...begun, lastEntry: MAX_SESSION_COMMANDS };
  const last = submit(session, "end", {});
  const outcomeOf = (stored: StoredSession, command: Command) => {
    const judgement = judgeOnServer(flows, stored, command, given);
    return judgement.settled ? judgement.outcome : judgement.advanced.session.status;
  };
  const again = submit(session, "right", { n: 1 }, { right: right.id });
  expect(outcomeOf(full, again)).toEqual(refusedOutcome({ code: "too_many_commands", atMost: MAX_SESSION_COMMANDS }));
  expect(outcomeOf({ ...full, lastEntry: MAX_SESSION_COMMANDS - 1 }, again)).toBe("active");
  expect(outcomeOf(full, last)).toBe("completed");
  expect(outcomeOf(full, cancel(session))).toBe("cancelled");
  const due = { ...given, nowMs: Date.parse(full.snapshot.expiresAt) };
  expect(judgeOnServer(flows, full, last, due)).toMatchObject({ outcome: { refusal: { code: "expired" } } });
});

const half = "\ud800";
test.for<[string, object]>([
  ["half of a surrogate pair as the step", { step: half }],
  ["half of a surrogate pair among what was seen", { seen: { [half]: null } }],
  ["a number that is none", { version: Number.POSITIVE_INFINITY }],
  ["a number that is none in the input", { input: JSON.parse('{"n":1e999}') as Json }],
  ["a NUL in the input", { input: { n: "\0" } }],
  [
    "another kind, whose field has no value that can be kept",
    { kind: "draft", fields: { n: { value: half, at: "" } } },
  ],
  ["a start of another flow", { kind: "start", flow: "transfer" }],
])("S2: a command's id with %s is a mismatch", ([, other]) => {
  const outcome = refusedOutcome({ code: "command_mismatch" });
  expect(judgeOnServer(flows, begun, { ...right, ...other }, given)).toEqual({ settled: true, outcome });
});

test("a new start of a session that there is is a mismatch, of whatever flow and version it is", () => {
  const outcome = refusedOutcome({ code: "command_mismatch" });
  for (const flow of ["notes", "transfer", "unheard-of"]) {
    for (const version of [1, 2]) {
      expect(judgeOnServer(flows, begun, { ...start(session, flow), version }, given)).toMatchObject({ outcome });
    }
  }
});

test("a step that cannot be stored is unknown, whatever is seen of it, and is no fault", () => {
  const strange = submit(session, half, {}, { [half]: null });
  expect(judgeOnServer(flows, begun, strange, given)).toMatchObject({ outcome: { refusal: { code: "unknown_step" } } });
  const seeing = submit(session, "end", {}, { end: null, [half]: null });
  expect(taken(begun, seeing).snapshot.status).toBe("completed");
});
