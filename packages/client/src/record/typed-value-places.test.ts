import {
  advance,
  defineFlow,
  seenBy,
  step,
  type Command,
  type Device,
  type Json,
  type Outcome,
  type Refusal,
  type Snapshot,
  type SubmitCommand,
} from "@sessions/core/internal";
import { expect, test } from "vitest";
import { z } from "zod";
import { keepDraft, newestSeenStamps, stampFields } from "./drafts.ts";
import { liftRecord } from "./lift.ts";
import { mergeRecords } from "./merge.ts";
import { shelveOverwritten } from "./overwritten.ts";
import { enqueue } from "./queue.ts";
import { emptyRecord, compose, type SessionRecord } from "./record.ts";
import { applyReply } from "./reply.ts";
import { applySnapshot } from "./snapshot.ts";
import {
  events,
  places,
  placesAfter,
  type TypedEvent,
  type TypedOutcome,
  type TypedPlace,
} from "./typed-value-places.ts";
import { viewOf } from "./view.ts";

const steps = { text: step({ input: z.object({ words: z.string().optional() }) }), end: step({ input: z.object({}) }) };
const flow = defineFlow({ name: "poem", version: 1, steps });
const newerFlow = defineFlow({ name: "poem", version: 2, steps });
const here: Device = { id: "0190b2f4-0000-7000-8000-00000000000a", name: "Here" };
const elsewhere: Device = { id: "0190b2f4-0000-7000-8000-00000000000b", name: "Elsewhere" };
const session = "0190b2f4-0000-7000-8000-0000000000ff";
const idOf = (number: number) => `0190b2f4-0000-7000-8000-${String(number).padStart(12, "0")}`;

const mine = "typed here";
const theirs = "typed elsewhere";
const earlier = "typed here before";

/** One device's record, the server's session, and the draft that was sent and is not answered. */
interface World {
  readonly record: SessionRecord;
  readonly server: Snapshot;
  readonly sent: Snapshot["drafts"][string];
}

const emptyText = start();
const unsent: World = typedAt(2_000, mine, {
  record: heard(emptyText)(emptyRecord),
  server: emptyText,
  sent: draftFields(1_000, earlier),
});
const stamp = unsent.record.drafts.text!.words!.at;
const sent: World = { ...unsent, sent: unsent.record.drafts.text! };
const onServer: World = { ...unsent, ...reply(sent, "draft") };

const worlds: Record<TypedPlace, World> = {
  unsent,
  sent,
  pending: { ...unsent, record: submit(unsent.record, mine, newestSeenStamps(unsent.record, "text")) },
  server: onServer,
  shelved: hear({ ...onServer, server: typedElsewhere(onServer.server, []) }),
  "other version": {
    ...unsent,
    record: keepDraft("text", draftFields(2_000, mine), 2)(heard(emptyText)(emptyRecord)),
  },
};

const happen: Record<TypedEvent, (world: World) => SessionRecord> = {
  "typed again here": (world) => typedAt(3_000, "typed here later", world).record,
  "submitted here": ({ record }) =>
    submit(
      record,
      viewOf(flow, record, here)?.drafts["text"]?.["words"]?.value ?? theirs,
      newestSeenStamps(record, "text"),
    ),
  "submitted in another tab": (world) => hear({ ...world, server: submittedBy(here, world.server, []) }).record,
  "draft accepted": (world) => reply(world, "draft").record,
  "draft refused": (world) => reply(world, "draft", { code: "failed" }).record,
  "submission accepted": (world) => reply(submitted(world), "submission").record,
  "submission refused": (world) => reply(submitted(world), "submission", { code: "failed" }).record,
  "submission in conflict": (world) => reply(submitted(world), "submission", conflict).record,
  "typed over, seen": (world) => hear({ ...world, server: typedElsewhere(world.server, [stamp]) }).record,
  "typed over, unseen": (world) => hear({ ...world, server: typedElsewhere(world.server, []) }).record,
  "submitted elsewhere, seen": (world) =>
    hear({ ...world, server: submittedBy(elsewhere, world.server, [stamp]) }).record,
  "submitted elsewhere, unseen": (world) => hear({ ...world, server: submittedBy(elsewhere, world.server, []) }).record,
  "ended here": (world) => hear({ ...world, server: cancelledBy(here, world.server) }).record,
  "ended elsewhere": (world) => hear({ ...world, server: cancelledBy(elsewhere, world.server) }).record,
  "newer page": ({ record }) => liftRecord(newerFlow, record),
  "records merged": ({ record }) => mergeRecords(heard(emptyText)(emptyRecord), record),
  "merged with a newer version": ({ record, server }) =>
    mergeRecords(liftRecord(newerFlow, heard(server)(emptyRecord)), record),
};

const conflict: Refusal = { code: "conflict", step: "text", changed: ["text"], theirs: null };

function context(device: Device) {
  return { device, nowMs: 10_000 };
}

function start(): Snapshot {
  const command = { kind: "start", id: idOf(0), session, version: 1, flow: "poem" } as const;
  const begun = advance(flow, null, command, context(elsewhere));
  if (!begun.accepted) throw new Error("A start is accepted.");
  return begun.session;
}

/** The server's session after a command; unchanged when the rules refuse it. */
function decide(server: Snapshot, command: Command, device: Device): Snapshot {
  const advanced = advance(flow, server, command, context(device));
  return advanced.accepted ? { ...advanced.session, revision: server.revision + 1 } : server;
}

function draftFields(atMs: number, words: string): Snapshot["drafts"][string] {
  return stampFields(emptyRecord, { words }, here.id, atMs);
}

function heard(snapshot: Snapshot) {
  return applySnapshot(snapshot, here, flow);
}

function hear(world: World): World {
  return { ...world, record: heard(world.server)(world.record) };
}

function typedAt(nowMs: number, words: string, world: World): World {
  const shown = viewOf(flow, world.record, here)?.drafts["text"];
  const fields = stampFields(world.record, { words }, here.id, nowMs, shown);
  return { ...world, record: compose(keepDraft("text", fields, 1), shelveOverwritten())(world.record) };
}

function typedElsewhere(server: Snapshot, seen: string[]): Snapshot {
  const at = stampFields(emptyRecord, { words: theirs }, elsewhere.id, 5_000 + server.revision)["words"]!.at;
  const fields = { words: { value: theirs, at, ...(seen.length > 0 && { seen }) } };
  return decide(server, { kind: "draft", id: idOf(20), session, version: 1, step: "text", fields }, elsewhere);
}

function submission(server: Snapshot | null, id: number, words: Json, seenDrafts: string[]): SubmitCommand {
  const seen = server ? seenBy(flow, server, "text") : {};
  return { kind: "submit", id: idOf(id), session, version: 1, step: "text", input: { words }, seen, seenDrafts };
}

function submittedBy(device: Device, server: Snapshot, seenDrafts: string[]): Snapshot {
  return decide(server, submission(server, 30, theirs, seenDrafts), device);
}

function cancelledBy(device: Device, server: Snapshot): Snapshot {
  return decide(server, { kind: "cancel", id: idOf(40), session, version: 1 }, device);
}

function submit(record: SessionRecord, words: Json, seenDrafts: string[]): SessionRecord {
  return enqueue(submission(viewOf(flow, record, here), 10, words, seenDrafts), null)(record);
}

/** Adds a submission that waits for its answer and has not seen the typed value, unless there is a submission already. */
function submitted(world: World): World {
  return world.record.pending.length > 0 ? world : { ...world, record: submit(world.record, earlier, []) };
}

/** The server's answer to the sent draft, or to the pending submission. */
function reply(world: World, which: "draft" | "submission", refusal?: Refusal): World {
  const id = which === "draft" ? idOf(11) : world.record.pending[0]!.command.id;
  const command: Command =
    which === "draft"
      ? { kind: "draft", id, session, version: 1, step: "text", fields: world.sent }
      : world.record.pending[0]!.command;
  const inConflict = refusal?.code === "conflict" ? submittedBy(elsewhere, world.server, []) : world.server;
  const server = refusal ? inConflict : decide(world.server, command, here);
  const outcome: Outcome = refusal
    ? { status: "refused", refusal }
    : { status: "accepted", revision: server.revision, replayed: false };
  const answer = { snapshot: server, outcomes: new Map([[id, outcome]]), commands: [command] };
  return { ...world, server, record: applyReply(answer, { flow, device: here, nowMs: 10_000 })(world.record) };
}

/** Where the value is now. A draft that is still waiting for its answer is as it was. */
function placeOf(record: SessionRecord, before: TypedPlace, event: TypedEvent): TypedOutcome {
  const holds = (value: unknown) => (value as { readonly words?: Json } | null | undefined)?.words === mine;
  const isUnsent = record.drafts["text"]?.["words"]?.value === mine;
  if (record.shelved.some((entry) => holds(entry.mine))) return isUnsent ? "shelved and unsent" : "shelved";
  if (isUnsent) return before === "sent" && !event.startsWith("draft") ? "sent" : "unsent";
  if (record.pending.some(({ command }) => command.kind === "submit" && holds(command.input))) return "pending";
  if (record.otherVersionDrafts.some((draft) => draft.fields["words"]?.value === mine)) return "other version";
  if (record.snapshot?.drafts["text"]?.["words"]?.value === mine) return "server";
  return holds(record.snapshot?.data["text"]) ? "submitted" : "gone";
}

test("every place that something typed can be in is where its name says", () => {
  for (const place of Object.keys(places) as TypedPlace[])
    expect(placeOf(worlds[place].record, place, "submitted here")).toBe(place);
});

test("the table says what becomes of what is typed, in every place and at every event", () => {
  const found = Object.fromEntries(
    (Object.keys(events) as TypedEvent[]).map((event) => [
      event,
      Object.fromEntries(
        (Object.keys(places) as TypedPlace[]).map((place) => [
          place,
          placeOf(happen[event](worlds[place]), place, event),
        ]),
      ),
    ]),
  );
  expect(found).toEqual(placesAfter);
});
