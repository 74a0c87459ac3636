import { advance, defineFlow, step, type Command, type Device, type Snapshot } from "@sessions/core/internal";
import { expect, test } from "vitest";
import { z } from "zod";
import { cancel as cancelOf, start, submit as submitOf } from "../../../core/src/testing/commands.ts";
import { enqueue } from "../record/queue.ts";
import { emptyRecord, type QueuedCommand, type SessionRecord } from "../record/record.ts";
import { sessionStateOf } from "./state.ts";
import { viewOf } from "../record/view.ts";

const device: Device = { id: "0190b2f4-0000-7000-8000-00000000000a", name: "Here" };
const id = "0190b2f4-0000-7000-8000-0000000000ff";
const note = defineFlow({ name: "note", version: 1, steps: { text: step({ input: z.object({ body: z.string() }) }) } });
const begin = start(id, "note");
const submit = submitOf(id, "text", { body: "a" });
const cancel = cancelOf(id);

function after(...commands: Command[]): Snapshot {
  return commands.reduce<Snapshot | null>((session, command) => {
    const advanced = advance(note, session, command, { device, nowMs: 0 });
    if (!advanced.accepted) throw new Error("It is accepted.");
    return advanced.session;
  }, null)!;
}

test.for<readonly [string, SessionRecord, number, { status: string; provisional: boolean }]>([
  ["unknown here", emptyRecord, 0, { status: "loading", provisional: false }],
  ["started here", queued(null, begin), 0, { status: "active", provisional: true }],
  ["active", told(after(begin)), 0, { status: "active", provisional: false }],
  ["its last step queued", queued(after(begin), submit), 0, { status: "completed", provisional: true }],
  ["its cancellation queued", queued(after(begin), cancel), 0, { status: "cancelled", provisional: true }],
  ["past its deadline", told(after(begin)), Infinity, { status: "expired", provisional: true }],
  ["cancelled", told(after(begin, cancel)), Infinity, { status: "cancelled", provisional: false }],
  ["completed, and cancelled too late", queued(after(begin, submit), cancel), 0, completed()],
] as const)("a status is provisional until the server has said it: %s", ([, record, nowMs, expected]) => {
  const view = viewOf(note, record, device);
  const sync = { state: "saved", pending: 0, storage: "disk" } as const;
  expect(sessionStateOf({ flow: note, id, record, view, absence: "loading", sync, shelved: [], nowMs })).toMatchObject(
    expected,
  );
});

function told(snapshot: Snapshot): SessionRecord {
  return { ...emptyRecord, flow: "note", version: 1, snapshot };
}

function queued(snapshot: Snapshot | null, command: Command): SessionRecord {
  const record = snapshot === null ? emptyRecord : told(snapshot);
  return enqueue(command as QueuedCommand, null)(record);
}

function completed() {
  return { status: "completed", provisional: false };
}
