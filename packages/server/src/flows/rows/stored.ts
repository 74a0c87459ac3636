import { hash as digest } from "node:crypto";
import canonicalize from "canonicalize";
import { storable, type Change, type Command, type Device, type Snapshot } from "@sessions/core";
import type { State } from "./tables.ts";
import { findReceipt, NO_RECEIPTS, receiptFor, type Receipts } from "./receipts.ts";

/** A session as it is kept: its snapshot, its receipts and the end of its history. */
export interface Stored {
  readonly snapshot: Snapshot;
  readonly receipts: Receipts;
  /** The number of the newest history entry. */
  readonly entry: number;
  /** That entry's hash. */
  readonly hash: Uint8Array;
}

/** An entry of a session's history. */
export interface HistoryEntry {
  readonly entry: number;
  /** Covers `text` and the hash before it. */
  readonly hash: Uint8Array;
  readonly body: HistoryBody;
  /** The body as JSON, as it is kept. */
  readonly text: string;
}

export interface HistoryBody {
  readonly session: string;
  readonly entry: number;
  readonly revision: number;
  /** The command that made it; null for an end by deadline, and for a lift. */
  readonly command: string | null;
  readonly at: string;
  readonly device: Device;
  readonly change: Change;
  /** What the step handler returned for a submission; null when there is none. */
  readonly output: Snapshot["outputs"][string];
  /** What `complete` returned, when this entry completed the session; else null. */
  readonly result: Snapshot["result"];
}

/** What an accepted command makes of a session: the session after it, and what it adds. Drafts add nothing. */
export interface NextStored {
  readonly stored: Stored;
  readonly entry: HistoryEntry | null;
  /** The receipt that it adds. */
  readonly receipt: Receipts;
}

export function nextStored(
  before: Stored | null,
  snapshot: Snapshot,
  change: Change | null,
  by: Command | null,
): NextStored {
  const receipts = before?.receipts ?? NO_RECEIPTS;
  if (change === null) {
    return {
      stored: { snapshot, receipts, entry: before?.entry ?? 0, hash: before?.hash ?? new Uint8Array() },
      entry: null,
      receipt: NO_RECEIPTS,
    };
  }
  // A draft leaves no receipt, nor does the lift that it brings about.
  const command = change.kind === "lift" ? null : by;
  const number = (before?.entry ?? 0) + 1;
  const step = change.kind === "submit" ? change.step : null;
  const body: HistoryBody = {
    session: snapshot.id,
    entry: number,
    revision: snapshot.revision,
    command: command?.id ?? null,
    at: change.kind === "end" && change.status === "expired" ? snapshot.expiresAt : snapshot.updatedAt,
    device: snapshot.device,
    change,
    output: (step === null ? undefined : snapshot.outputs[step]) ?? null,
    result: snapshot.result,
  };
  const text = JSON.stringify(body);
  const hash = chainHash(before?.hash ?? null, text);
  const receipt =
    command === null
      ? NO_RECEIPTS
      : receiptFor({ command: command.id, revision: snapshot.revision, hash: commandHash(command) });
  return {
    stored: { snapshot, receipts: Buffer.concat([receipts, receipt]), entry: number, hash },
    entry: { entry: number, hash, body, text },
    receipt,
  };
}

/** The hash of an entry: SHA-256 over the hash before it and the entry's text. */
export function chainHash(before: Uint8Array | null, text: string): Uint8Array {
  const bytes = Buffer.from(text);
  return digest("sha256", before === null ? bytes : Buffer.concat([before, bytes]), "buffer");
}

/** What the receipt of this command says, if there is one: its revision, or that the id stands for another body. */
export function receiptOf(stored: Stored, command: Command): { readonly revision: number } | "mismatch" | null {
  const receipt = findReceipt(stored.receipts, command.id);
  if (receipt === undefined) return null;
  if (command.kind === "submit" && !storable(command.input).ok) return "mismatch";
  return receipt.hash.equals(commandHash(command)) ? receipt : "mismatch";
}

/** 128 bits of SHA-256 over the command as canonical JSON (RFC 8785): the same whatever the order of its keys. */
function commandHash(command: Command): Buffer {
  return digest("sha256", canonical(command), "buffer").subarray(0, 16);
}

function canonical(command: Command): string {
  try {
    // Undefined only for what JSON cannot hold, and a command is an object.
    return canonicalize(command)!;
  } catch {
    // Half of a surrogate pair, or a number that is none: the same text for the same body, and no other command's.
    return `not canonical: ${JSON.stringify(command)}`;
  }
}

export function toState(snapshot: Snapshot): State {
  const { id: _id, flow: _flow, version: _version, revision: _revision, ...state } = snapshot;
  return state;
}
