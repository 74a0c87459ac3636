import { mapFields, pickFields, SessionsError, type Hidden, type Snapshot } from "@sessions/core/internal";
import { noteJsonBytes } from "../../json-bytes.ts";
import type { OwnerCipher } from "../../secrets/owner-cipher.ts";
import type { Drafted } from "./drafted.ts";
import type { StoredSession } from "./stored-session.ts";

/** The part of a snapshot that has no column of its own. */
type SnapshotState = Omit<Snapshot, "id" | "flow" | "version" | "revision">;

/** What is kept of a session, never sent to a device, and may be clear. */
interface ServerState {
  readonly drafted?: Drafted;
  /** In base64url. */
  readonly receiptKey?: string;
}

/** The column `state`: what of a session is clear. */
export type StoredState = SnapshotState & ServerState & { readonly sealed?: true };

/** The parts of a snapshot that hold something of each step. */
export const stepParts = ["data", "inputs", "outputs", "drafts"] as const;

/** The text in the column `sealed`: the secret steps of each part, and what no device gets. Hidden values are nowhere else. */
type SealedState = ServerState & { readonly hidden?: Hidden } & Partial<Pick<Snapshot, (typeof stepParts)[number]>> & {
    readonly result?: Snapshot["result"];
  };

/** The columns `state` and `sealed` of a session. */
export interface EncodedState {
  readonly state: string;
  /** One ciphertext for everything that is secret; null if nothing is. */
  readonly sealed: Uint8Array | null;
}

/** Everything of a session that is in the columns `state` and `sealed`. */
export type SessionState = Pick<StoredSession, "snapshot" | "hidden" | "drafted" | "receiptKey">;

export function encodeState(
  cipher: OwnerCipher,
  { snapshot, hidden, drafted, receiptKey }: SessionState,
): EncodedState {
  const { id, flow: _flow, version: _version, revision: _revision, ...visible } = snapshot;
  const hides = Object.keys(hidden).length > 0;
  const kept: ServerState = {
    ...(drafted !== null && { drafted }),
    receiptKey: Buffer.from(receiptKey).toString("base64url"),
  };
  if (cipher.scope === "nothing") {
    if (hides) throw new Error("Hidden values are sealed, and this node seals nothing of the owner.");
    const state = JSON.stringify({ ...visible, ...kept });
    noteSize(snapshot, hidden, state);
    return { state, sealed: null };
  }
  const { clear, secret } = cipher.scope === "all" ? allSecret(visible) : sensitiveStepsSecret(visible);
  const state = JSON.stringify({ ...visible, ...clear, sealed: true });
  const text = JSON.stringify({ ...kept, ...(hides && { hidden }), ...secret });
  noteSize(snapshot, hidden, state, text);
  return { state, sealed: cipher.seal({ kind: "session", session: id, entry: null }, text) };
}

/** The parts of a state that are clear, if only some steps are secret, and those that are sealed. */
interface SplitState {
  readonly clear: Partial<SnapshotState>;
  readonly secret: SealedState;
}

function allSecret({ data, inputs, outputs, drafts, result }: SnapshotState): SplitState {
  return {
    clear: { data: {}, inputs: {}, outputs: {}, drafts: {}, result: null },
    secret: { data, inputs, outputs, drafts, result },
  };
}

function sensitiveStepsSecret(visible: SnapshotState): SplitState {
  const steps = new Set(Object.keys(visible.submissions).filter((step) => visible.submissions[step]!.sensitive));
  if (steps.size === 0) return { clear: {}, secret: {} };
  const parts = (test: (step: string) => boolean) =>
    Object.fromEntries(stepParts.map((part) => [part, pickFields<unknown>(visible[part], test)]));
  return { clear: parts((step) => !steps.has(step)), secret: parts((step) => steps.has(step)) };
}

/** The JSON of the columns that a snapshot has too, in bytes, roughly. */
const COLUMNS_BYTES = 100;

/**
 * A snapshot that is sent is about as long as its stored text: it need not be written as JSON once more to be measured.
 * What is hidden is not sent, and may be large: then the snapshot is measured when it is sent.
 */
function noteSize(snapshot: Snapshot, hidden: Hidden, ...texts: readonly string[]): void {
  if (Object.keys(hidden).length > 0) return;
  noteJsonBytes(
    snapshot,
    texts.reduce((bytes, text) => bytes + Buffer.byteLength(text), COLUMNS_BYTES),
  );
}

/**
 * The session of a row. `columns` are those that a snapshot has too.
 *
 * @throws {SessionsError} `sealed_invalid`; `keys_missing` on a node without keys.
 */
export function decodeState(
  cipher: OwnerCipher,
  columns: Pick<Snapshot, "id" | "flow" | "version" | "revision">,
  { state, sealed }: EncodedState,
): SessionState {
  // Written by `encodeState`, as StoredState.
  const { drafted, receiptKey, sealed: isSealed, ...visible } = JSON.parse(state) as StoredState;
  if (sealed === null) {
    if (isSealed) throw new SessionsError("sealed_invalid", `The row of session ${columns.id} lacks its sealed value.`);
    const snapshot = { ...columns, ...visible };
    noteSize(snapshot, {}, state);
    return sessionState(snapshot, { hidden: {}, drafted, receiptKey });
  }
  const text = cipher.open({ kind: "session", session: columns.id, entry: null }, sealed);
  // Written by `encodeState`, as SealedState.
  const { hidden = {}, drafted: sealedDrafted, receiptKey: sealedKey, ...parts } = JSON.parse(text) as SealedState;
  const merged = mapFields(parts as Record<string, unknown>, (value, part) =>
    part === "result" ? value : { ...visible[part as (typeof stepParts)[number]], ...(value as object) },
  );
  const snapshot = { ...columns, ...visible, ...merged };
  noteSize(snapshot, hidden, state, text);
  return sessionState(snapshot, { hidden, drafted: sealedDrafted, receiptKey: sealedKey });
}

function sessionState(
  snapshot: Snapshot,
  {
    hidden,
    drafted,
    receiptKey,
  }: { readonly hidden: Hidden } & { readonly [Part in keyof ServerState]-?: ServerState[Part] | undefined },
): SessionState {
  return {
    snapshot,
    hidden,
    drafted: drafted ?? null,
    receiptKey: Buffer.from(receiptKey ?? "", "base64url"),
  };
}
