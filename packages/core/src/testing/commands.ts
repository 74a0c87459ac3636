/**
 * The commands that tests send, for core, client and server.
 *
 * @example
 * const begun = start(idOf(0), "transfer");
 * const typed = draft(begun.session, "amount", typedBy(devices[0], { cents: 5 }, START_MS));
 * const amount = submit(begun.session, "amount", { cents: 5 }, { seen: { amount: null } });
 */
import type { CancelCommand, Device, DraftCommand, StartCommand, SubmitCommand } from "../protocol/command.ts";
import type { Json } from "../json.ts";
import { draftFieldOf } from "../protocol/draft-field.ts";
import { nextStamp } from "../protocol/stamp.ts";

/** The time of the first command in a pure test, in milliseconds since 1970. */
export const START_MS = Date.parse("2026-03-01T00:00:00Z");

/** Two devices of one owner. */
export const devices: readonly [Device, Device] = [
  { id: "01900000-0000-7000-8000-00000000aaaa", name: "Phone" },
  { id: "01900000-0000-7000-8000-00000000bbbb", name: "Laptop" },
];

/** A distinct UUIDv7 for each number. */
export const idOf = (n: number): string => `01900000-0000-7000-9000-${n.toString(16).padStart(12, "0")}`;

/** The parts of a command that a test seldom sets: `id` is a new one, `version` is 1. */
export interface CommandOptions {
  readonly id?: string;
  readonly version?: number;
}

// Far above the numbers that tests give to idOf.
let commands = 2 ** 40;
const common = (session: string, { id = idOf((commands += 1)), version = 1 }: CommandOptions) => ({
  id,
  session,
  version,
});

export function start(session: string, flow: string, options: CommandOptions = {}): StartCommand {
  return { kind: "start", ...common(session, options), flow };
}

/** `seen` is empty unless it is given: nobody had submitted the step, or a step that it depends on. */
export function submit(
  session: string,
  step: string,
  input: Json,
  { seen = {}, seenDrafts, ...options }: CommandOptions & Partial<Pick<SubmitCommand, "seen" | "seenDrafts">> = {},
): SubmitCommand {
  return { kind: "submit", ...common(session, options), step, input, seen, ...(seenDrafts && { seenDrafts }) };
}

export function draft(
  session: string,
  step: string,
  fields: DraftCommand["fields"],
  { seen, ...options }: CommandOptions & Partial<Pick<DraftCommand, "seen">> = {},
): DraftCommand {
  return { kind: "draft", ...common(session, options), step, fields, ...(seen && { seen }) };
}

export function cancel(session: string, options: CommandOptions = {}): CancelCommand {
  return { kind: "cancel", ...common(session, options) };
}

/** The fields of a draft, all typed on one device at one time (milliseconds since 1970). `undefined` empties a field. */
export function typedBy(
  device: Pick<Device, "id">,
  values: Readonly<Record<string, Json | undefined>>,
  ms: number,
): DraftCommand["fields"] {
  const at = nextStamp(device.id, ms);
  return Object.fromEntries(Object.entries(values).map(([field, value]) => [field, draftFieldOf(value, at)]));
}
