import { hash as digest } from "node:crypto";
import canonicalize from "canonicalize";
import {
  progressOf,
  toStorableJson,
  type AnyFlow,
  type HistoryChange,
  type Command,
  type Device,
  type Snapshot,
  type Status,
} from "@sessions/core/internal";
import { chainHash } from "../../postgres/chain-hash.ts";
import type { StoredState } from "./tables.ts";
import { findReceipt, NO_RECEIPTS, encodeReceipt, type Receipts } from "./receipts.ts";

/** A session as it is stored: its snapshot, its receipts and the end of its history. */
export interface StoredSession {
  readonly snapshot: Snapshot;
  readonly receipts: Receipts;
  /** The number of the newest history entry. */
  readonly lastEntry: number;
  /** That entry's hash. */
  readonly lastHash: Uint8Array;
}

/** An entry of a session's history. */
export interface HistoryEntry {
  readonly number: number;
  /** Covers `text` and the hash before it. */
  readonly hash: Uint8Array;
  readonly body: HistoryBody;
  /** The body as JSON, as it is stored. */
  readonly text: string;
}

export interface HistoryBody {
  readonly session: string;
  readonly flow: string;
  /** The flow's version, and the session's status, after this entry. */
  readonly version: number;
  readonly status: Status;
  readonly entry: number;
  readonly revision: number;
  /** The command that made the entry; null for an end by deadline, and for a lift. */
  readonly command: string | null;
  readonly at: string;
  readonly device: Device;
  /** The step at which the session stands after this entry. Null if it has ended, if its path cannot be computed, and for an adoption. */
  readonly current: string | null;
  readonly change: HistoryChange;
  /** The output of the step handler for a submission; null without one. */
  readonly output: Snapshot["outputs"][string];
  /** The result of `complete` if this entry completed the session; else null. */
  readonly result: Snapshot["result"];
}

/** The next revision of a session: the session after an accepted command, and the history entry and receipt that the command adds. A draft adds neither. */
export interface NextRevision {
  readonly stored: StoredSession;
  readonly entry: HistoryEntry | null;
  /** The receipt that it adds. */
  readonly receipt: Receipts;
}

export function nextStored(
  before: StoredSession | null,
  snapshot: Snapshot,
  change: HistoryChange | null,
  by: Command | null,
  flow: AnyFlow | null,
): NextRevision {
  const receipts = before?.receipts ?? NO_RECEIPTS;
  if (change === null) {
    return {
      stored: { snapshot, receipts, lastEntry: before?.lastEntry ?? 0, lastHash: before?.lastHash ?? new Uint8Array() },
      entry: null,
      receipt: NO_RECEIPTS,
    };
  }
  // A draft leaves no receipt, and the lift that a draft causes leaves none either.
  const command = change.kind === "lift" ? null : by;
  const number = (before?.lastEntry ?? 0) + 1;
  const step = change.kind === "submit" ? change.step : null;
  const body: HistoryBody = {
    session: snapshot.id,
    flow: snapshot.flow,
    version: snapshot.version,
    status: snapshot.status,
    entry: number,
    revision: snapshot.revision,
    command: command?.id ?? null,
    at: change.kind === "end" && change.status === "expired" ? snapshot.expiresAt : snapshot.updatedAt,
    device: snapshot.device,
    current: flow && currentStepOf(flow, snapshot),
    change,
    output: (step === null ? undefined : snapshot.outputs[step]) ?? null,
    result: snapshot.result,
  };
  const text = JSON.stringify(body);
  const hash = chainHash(before?.lastHash ?? null, text);
  const receipt =
    command === null
      ? NO_RECEIPTS
      : encodeReceipt({ command: command.id, revision: snapshot.revision, hash: commandHash(command) });
  return {
    stored: { snapshot, receipts: Buffer.concat([receipts, receipt]), lastEntry: number, lastHash: hash },
    entry: { number, hash, body, text },
    receipt,
  };
}

function currentStepOf(flow: AnyFlow, { status, data }: Snapshot): string | null {
  try {
    return status === "active" ? progressOf(flow, data).current : null;
  } catch {
    // The flow's own path function threw. The command that needs the path is refused for it.
    return null;
  }
}

/** Looks for the receipt of a command: gives its revision, or "mismatch" if the id belongs to a command with another body. Null without a receipt. */
export function matchReceipt(
  stored: StoredSession,
  command: Command,
): { readonly revision: number } | "mismatch" | null {
  const receipt = findReceipt(stored.receipts, command.id);
  if (receipt === undefined) return null;
  if (command.kind === "submit" && !toStorableJson(command.input).ok) return "mismatch";
  return receipt.hash.equals(commandHash(command)) ? receipt : "mismatch";
}

/** 128 bits of SHA-256 over the command as canonical JSON (RFC 8785): the order of its keys does not matter. */
function commandHash(command: Command): Buffer {
  return digest("sha256", canonical(command), "buffer").subarray(0, 16);
}

function canonical(command: Command): string {
  try {
    // It is undefined only for values that JSON cannot hold, and a command is an object.
    return canonicalize(command)!;
  } catch {
    // The command holds half of a surrogate pair, or a number that JSON does not have. Equal bodies still give equal texts.
    return `not canonical: ${JSON.stringify(command)}`;
  }
}

export function storedStateOf(snapshot: Snapshot): StoredState {
  const { id: _id, flow: _flow, version: _version, revision: _revision, ...state } = snapshot;
  return state;
}
