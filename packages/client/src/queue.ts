import { unsubmitted, type Json } from "@sessions/core";
import { untyped } from "./drafts.ts";
import type { Change, QueuedCommand, SessionRecord, Settlement } from "./record.ts";

/** How many outcomes a record remembers: as many as a session takes commands in its life. */
const SETTLED_KEPT = 1_000;

/** Queues a command. What it has seen typed in its step is part of it from now on. */
export function enqueued(command: QueuedCommand, base: Json | null): Change {
  return (record) => {
    const known = [...record.settled, ...record.pending.map((entry) => entry.command)];
    if (known.some(({ id }) => id === command.id)) return takenUp(command, record);
    const queued = { ...record, pending: [...record.pending, { command, base }] };
    if (command.kind === "start") return { ...queued, flow: command.flow, version: command.version };
    return record.version === command.version ? takenUp(command, queued) : queued;
  };
}

/** Without what a submission has taken up. What another tab typed there, and it had not seen, stays. */
function takenUp(command: QueuedCommand, record: SessionRecord): SessionRecord {
  if (command.kind !== "submit") return record;
  const slots = record.drafts[command.step] ?? {};
  const left = unsubmitted(slots, command.typed);
  const taken = Object.entries(slots).filter(([field]) => !Object.hasOwn(left, field));
  return taken.length > 0 ? untyped(command.step, Object.fromEntries(taken))(record) : record;
}

/** Takes a shelved change away: it was retried or discarded. */
export function unshelved(id: string): Change {
  return (record) => ({ ...record, shelved: record.shelved.filter((entry) => entry.id !== id) });
}

/** Remembers what is about to be sent and must not be sent again, unless its answer is known. */
export function asking(asked: NonNullable<SessionRecord["asked"]>): Change {
  return (record) => (record.settled.some(({ id }) => id === asked.id) ? record : { ...record, asked });
}

/** Tells what became of a command, to those who wait for it in any tab. */
export function settled(id: string, settlement: Settlement): Change {
  return (record) => ({
    ...record,
    asked: record.asked?.id === id ? null : record.asked,
    pending: record.pending.filter(({ command }) => command.id !== id),
    settled: [...record.settled.filter((known) => known.id !== id), { id, settlement }].slice(-SETTLED_KEPT),
  });
}
