import { hash } from "node:crypto";
import {
  hiddenOf,
  toStorableJson,
  type AnyFlow,
  type HistoryChange,
  type Command,
  type Hidden,
  type Snapshot,
} from "@sessions/core/internal";
import { hexFromBytes } from "../../postgres/values.ts";
import { takeRandomBytes } from "../../random-bytes.ts";
import type { OwnerCipher } from "../../secrets/owner-cipher.ts";
import { sortedJson } from "../../sorted-json.ts";
import { currentStepOf, draftedAfter, type Drafted } from "./drafted.ts";
import {
  encodeEntry,
  secretParts,
  type HistoryContent,
  type HistoryEntry,
  type NewEntry,
} from "./history/history-entry.ts";
import { findReceipt, NO_RECEIPTS, encodeReceipt, type Receipts } from "./receipts.ts";

/** A session as it is stored: its snapshot, its receipts and the end of its history. */
export interface StoredSession {
  readonly snapshot: Snapshot;
  /** What step handlers hid, by the command of the submission. No device gets it: it is in no snapshot. */
  readonly hidden: Hidden;
  /** Null if no draft has come of the step at which it stands. No device gets it. */
  readonly drafted: Drafted | null;
  readonly receipts: Receipts;
  /** Keys the hashes of the receipts, so that nobody can guess a command from them. */
  readonly receiptKey: Uint8Array;
  /** The number of the newest history entry. */
  readonly lastEntry: number;
  /** That entry's hash. */
  readonly lastHash: Uint8Array;
}

/** The next revision of a session: the session after an accepted command, and the history entry and receipt that the command adds. A draft adds neither. */
export interface NextRevision {
  readonly stored: StoredSession;
  readonly entry: HistoryEntry | null;
  /** The receipt that it adds. */
  readonly receipt: Receipts;
  /** Seals it. */
  readonly cipher: OwnerCipher;
}

const RECEIPT_KEY_BYTES = 16;

/** `after` is the session after the change. Without `hidden`, it keeps what it had hidden for the submissions that it still has. */
export function nextStored(
  cipher: OwnerCipher,
  before: StoredSession | null,
  after: { readonly snapshot: Snapshot; readonly hidden?: Hidden },
  change: HistoryChange | null,
  by: Command | null,
  flow: AnyFlow | null,
): NextRevision {
  const { snapshot } = after;
  const kept: Omit<StoredSession, "lastEntry" | "lastHash"> = {
    snapshot,
    hidden: hiddenOf(snapshot, after.hidden ?? before?.hidden ?? {}),
    drafted: draftedAfter(before?.drafted ?? null, snapshot, change, by, flow),
    receipts: before?.receipts ?? NO_RECEIPTS,
    receiptKey: before?.receiptKey ?? takeRandomBytes(RECEIPT_KEY_BYTES),
  };
  if (change === null) {
    const stored = { ...kept, lastEntry: before?.lastEntry ?? 0, lastHash: before?.lastHash ?? new Uint8Array() };
    return { stored, entry: null, receipt: NO_RECEIPTS, cipher };
  }
  // A draft leaves no receipt, and the lift that a draft causes leaves none either.
  const command = change.kind === "lift" ? null : by;
  const hash = command && commandHash(kept.receiptKey, command);
  const number = (before?.lastEntry ?? 0) + 1;
  const entry = encodeEntry(
    cipher,
    before?.lastHash ?? null,
    newEntry(kept, before?.drafted ?? null, number, change, command, hash, flow),
  );
  const receipt =
    command === null || hash === null
      ? NO_RECEIPTS
      : encodeReceipt({ command: command.id, revision: snapshot.revision, hash });
  const receipts = Buffer.concat([kept.receipts, receipt]);
  return { stored: { ...kept, receipts, lastEntry: number, lastHash: entry.hash }, entry, receipt, cipher };
}

function newEntry(
  { snapshot, hidden }: Pick<StoredSession, "snapshot" | "hidden">,
  drafted: Drafted | null,
  entry: number,
  change: HistoryChange,
  command: Command | null,
  hash: Buffer | null,
  flow: AnyFlow | null,
): NewEntry {
  const { id: session, version, status, revision, device, submissions } = snapshot;
  const { lifted } = change;
  const step = change.kind === "submit" ? change.step : null;
  const isSensitive = step !== null && submissions[step]?.sensitive === true;
  const hiddenNow = command === null ? undefined : hidden[command.id];
  const body: NewEntry["body"] = {
    session,
    flow: snapshot.flow,
    version,
    status,
    entry,
    revision,
    command: command?.id ?? null,
    at: change.kind === "end" && change.status === "expired" ? snapshot.expiresAt : snapshot.updatedAt,
    device: device.id,
    current: flow && currentStepOf(flow, snapshot),
    change: bodyOf(change),
    ...(isSensitive && { sensitive: true }),
    ...(lifted && { lifted: Object.keys(lifted.submissions) }),
    submitted: Object.keys(submissions),
    ...(step !== null && !lifted && drafted?.step === step && { drafted: drafted.at }),
    ...(hash && { receipt: hash.toString("base64url") }),
  };
  const content: HistoryContent = {
    device: device.name,
    ...(change.kind === "submit" && contentOf(change)),
    ...(step !== null && { output: snapshot.outputs[step] ?? null }),
    ...(hiddenNow !== undefined && { hidden: hiddenNow }),
    ...(snapshot.result !== null && { result: snapshot.result }),
    ...(lifted && { lifted }),
  };
  return { body, content, secret: secretParts(body, content) };
}

function bodyOf(change: HistoryChange): NewEntry["body"]["change"] {
  if (change.kind === "submit") return { kind: change.kind, step: change.step };
  const { lifted: _, ...body } = change;
  return body;
}

function contentOf({ data, input, seenDrafts }: Extract<HistoryChange, { kind: "submit" }>) {
  return { data, ...(input !== undefined && { input }), ...(seenDrafts !== undefined && { seenDrafts }) };
}

/** Looks for the receipt of a command: gives its revision, or "mismatch" if the id belongs to a command with another body. Null without a receipt. */
export function matchReceipt(
  stored: StoredSession,
  command: Command,
): { readonly revision: number } | "mismatch" | null {
  const receipt = findReceipt(stored.receipts, command.id);
  if (receipt === undefined) return null;
  if (command.kind === "submit" && !toStorableJson(command.input).ok) return "mismatch";
  return receipt.hash.equals(commandHash(stored.receiptKey, command)) ? receipt : "mismatch";
}

/**
 * 128 bits of SHA-256 over the session's secret salt, in hex, and the command as JSON with sorted keys. An HMAC would do no
 * more here, where nobody sends a hash, and the objects of `createHmac` cost several times as much. A text is hashed in
 * half of the time that a Buffer takes.
 */
function commandHash(salt: Uint8Array, command: Command): Buffer {
  return Buffer.from(hash("sha256", hexFromBytes(salt) + sortedJson(command)).slice(0, 32), "hex");
}
