import { stampDevice, type Drafts, type Json } from "@sessions/core/internal";
import { isUnsent, type SessionRecord, type SubmissionOutcome } from "../record/record.ts";
import type { Sync } from "../sync/sync.ts";
import { nameOf, type CommandTitle, type Interceptor } from "./interceptor.ts";

/** The panel shows at most this many lines of each kind: the newest. */
const SHOWN = 50;

/** How urgent a line is. */
export type Severity = "calm" | "busy" | "alarming";

/** A word, and how urgent it is. */
export interface Badge {
  readonly text: string;
  readonly severity: Severity;
}

export interface SessionLine {
  readonly id: string;
  readonly flow: string;
  readonly revision: number;
  readonly status: Badge;
  readonly sync: Badge;
}

export interface CommandLine {
  readonly id: string;
  readonly session: string;
  /** Its kind and step, unless this page first saw it when it was settled. */
  readonly name: string;
  readonly state: Badge;
}

export interface DraftLine {
  readonly session: string;
  readonly field: string;
  readonly place: string;
  /** Milliseconds since 1970, by the clock of the device that typed it. */
  readonly typedMs: number;
  readonly here: boolean;
  /** The value that a person typed; undefined if the person emptied the field. */
  readonly value: Json | undefined;
}

/** All contents of the panel at one moment. */
export interface PanelModel {
  /** Short facts of this tab, by their subject. */
  readonly facts: Readonly<Record<string, Badge>>;
  readonly sessions: readonly SessionLine[];
  readonly commands: readonly CommandLine[];
  readonly drafts: readonly DraftLine[];
}

type Source = Pick<Sync, "store" | "connection" | "tabs" | "device">;

/** Adds the names of the commands in the records to the interceptor's. */
export function panelModelOf(sync: Source, interceptor: Interceptor): PanelModel {
  const records = [...sync.store.records].sort(([left], [right]) => (left < right ? 1 : -1));
  const device = sync.device();
  return {
    facts: factsOf(sync, interceptor),
    sessions: records.slice(0, SHOWN).map(sessionLine),
    commands: records
      .flatMap(([id, record]) => commandsOf(id, record, interceptor))
      .concat(draftsUnderWay(interceptor))
      // Ids are UUIDv7: the newest is the greatest.
      .sort((left, right) => (left.id < right.id ? 1 : -1))
      .slice(0, SHOWN),
    drafts: records
      .flatMap(([id, record]) => draftsOf(id, record, device.id))
      .sort((left, right) => right.typedMs - left.typedMs)
      .slice(0, SHOWN),
  };
}

function factsOf({ store, connection, tabs, device }: Source, interceptor: Interceptor): PanelModel["facts"] {
  const { outdated, offsetMs } = connection.state;
  const network = (): Badge => {
    if (interceptor.isCut) return alarming("offline, by the devtools");
    if (outdated) return alarming("outdated");
    if (connection.state.signedOut) return alarming("signed out");
    return !connection.state.up ? alarming("offline") : calm("online");
  };
  const hasLocks = typeof BroadcastChannel !== "undefined" && globalThis.navigator?.locks !== undefined;
  const disk = store.storage() === "disk" ? calm("disk") : alarming("memory only");
  const clock = `${offsetMs < 0 ? "−" : "+"}${Math.abs(offsetMs).toLocaleString("en")} ms`;
  return {
    Server: network(),
    Tab: calm(`${tabs.isLeader ? "leading" : "following"}${hasLocks ? "" : ", no locks"}`),
    Store: store.loaded ? disk : busy("loading"),
    "Server’s clock": calm(clock),
    Device: calm(device().name),
    ...(store.lost && { Lost: alarming("unsent changes, to an eviction") }),
  };
}

function sessionLine([id, record]: readonly [string, SessionRecord]): SessionLine {
  const { flow, snapshot } = record;
  return {
    id,
    flow,
    revision: snapshot?.revision ?? 0,
    status: snapshot ? calm(snapshot.status) : busy("only here"),
    sync: syncBadge(record),
  };
}

function syncBadge(record: SessionRecord): Badge {
  if (record.outdated) return alarming("outdated");
  if (record.shelved.length > 0) return alarming("attention");
  return isUnsent(record) || record.confirmation ? busy("saving") : calm("saved");
}

function commandsOf(session: string, record: SessionRecord, { sending, names }: Interceptor): readonly CommandLine[] {
  const lines = new Map<string, CommandLine>();
  const put = (id: string, named: CommandTitle | undefined, state: Badge) => {
    if (named) names.set(id, named);
    lines.set(id, { id, session, name: textOf(named), state });
  };
  for (const [step, { command }] of Object.entries(record.snapshot?.submissions ?? {})) {
    names.set(command, { kind: "submit", step });
  }
  for (const { id, outcome } of record.settled) put(id, names.get(id), outcomeBadge(outcome));
  for (const { command } of record.pending) {
    put(command.id, nameOf(command), sending.has(command.id) ? busy("sending") : busy("waiting"));
  }
  if (record.confirmation)
    put(record.confirmation.id, { kind: "submit", step: record.confirmation.step }, busy("asked"));
  for (const { id, kind, step, refusal } of record.shelved)
    put(id, { kind, step }, alarming(`shelved: ${refusal.code}`));
  return [...lines.values()];
}

function textOf(named: CommandTitle | undefined): string {
  if (named === undefined) return "not seen by this page";
  return named.step === null ? named.kind : `${named.kind} ${named.step}`;
}

/** The drafts that are being sent. A draft becomes a command when it is pushed, and leaves no outcome. */
function draftsUnderWay({ sending }: Interceptor): readonly CommandLine[] {
  return [...sending].flatMap(([id, { kind, session, step }]) =>
    kind === "draft" ? [{ id, session, name: `draft ${step}`, state: busy("sending") }] : [],
  );
}

function outcomeBadge(outcome: SubmissionOutcome): Badge {
  if (outcome.status === "accepted") return calm(`accepted, revision ${outcome.revision}`);
  if (outcome.status === "superseded") return calm("superseded");
  return alarming(outcome.status === "refused" ? `refused: ${outcome.refusal.code}` : "unknown");
}

function draftsOf(session: string, record: SessionRecord, device: string): DraftLine[] {
  const { snapshot, drafts, otherVersionDrafts } = record;
  const line = (step: string, draftFields: Drafts[string], place: string): DraftLine[] =>
    Object.entries(draftFields).map(([field, { value, at }]) => ({
      session,
      field: `${step}.${field}`,
      place,
      typedMs: Number(at.slice(0, 15)),
      here: stampDevice(at) === device,
      value,
    }));
  return [
    ...Object.entries(drafts).flatMap(([step, draftFields]) => line(step, draftFields, "unsent")),
    ...otherVersionDrafts.flatMap(({ step, fields: draftFields, version }) =>
      line(step, draftFields, `unsent, of version ${version}`),
    ),
    ...Object.entries(snapshot?.drafts ?? {}).flatMap(([step, draftFields]) =>
      line(step, draftFields, "on the server"),
    ),
  ];
}

const calm = (text: string): Badge => ({ text, severity: "calm" });
const busy = (text: string): Badge => ({ text, severity: "busy" });
const alarming = (text: string): Badge => ({ text, severity: "alarming" });
