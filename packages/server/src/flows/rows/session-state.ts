import { mapFields, pickFields, SessionsError, type Json, type Snapshot } from "@sessions/core/internal";
import type { OwnerCipher } from "../../secrets/owner-cipher.ts";
import type { Drafted } from "./drafted.ts";
import type { StoredSession } from "./stored-session.ts";

/** The part of a snapshot that has no column of its own. */
type SnapshotState = Omit<Snapshot, "id" | "flow" | "version" | "revision">;

/** What is kept of a session and never sent to a device. */
interface ServerState {
  readonly hidden?: Readonly<Record<string, Json>>;
  readonly drafted?: Drafted;
  /** In base64url. */
  readonly receiptKey?: string;
}

/** The column `state`: what of a session is clear. */
export type StoredState = SnapshotState & ServerState & { readonly sealed?: true };

const secretParts = ["data", "inputs", "outputs", "drafts"] as const;

/** The text in the column `sealed`: the secret steps of each part, and what no device gets. */
type SealedState = ServerState &
  Partial<Pick<Snapshot, (typeof secretParts)[number]>> & { readonly result?: Snapshot["result"] };

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
  const kept: ServerState = {
    ...(Object.keys(hidden).length > 0 && { hidden }),
    ...(drafted !== null && { drafted }),
    receiptKey: Buffer.from(receiptKey).toString("base64url"),
  };
  if (cipher.scope === "nothing") return { state: JSON.stringify({ ...visible, ...kept }), sealed: null };

  const isAll = cipher.scope === "all";
  const steps = new Set(Object.keys(visible.submissions).filter((step) => visible.submissions[step]!.sensitive));
  const clear: Record<string, unknown> = { ...visible, sealed: true };
  const secret: Record<string, unknown> = { ...kept };
  for (const part of isAll || steps.size > 0 ? secretParts : []) {
    clear[part] = pickFields<unknown>(visible[part], (step) => !isAll && !steps.has(step));
    secret[part] = pickFields<unknown>(visible[part], (step) => isAll || steps.has(step));
  }
  if (isAll) {
    clear["result"] = null;
    secret["result"] = visible.result;
  }
  const sealed = cipher.seal({ kind: "session", session: id, entry: null }, JSON.stringify(secret));
  return { state: JSON.stringify(clear), sealed };
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
  const { hidden, drafted, receiptKey, sealed: isSealed, ...visible } = JSON.parse(state) as StoredState;
  if (sealed === null) {
    if (isSealed) throw new SessionsError("sealed_invalid", `The row of session ${columns.id} lacks its sealed value.`);
    return sessionState({ ...columns, ...visible }, { hidden, drafted, receiptKey });
  }
  const text = cipher.open({ kind: "session", session: columns.id, entry: null }, sealed);
  // Written by `encodeState`, as SealedState.
  const {
    hidden: sealedHidden,
    drafted: sealedDrafted,
    receiptKey: sealedKey,
    ...parts
  } = JSON.parse(text) as SealedState;
  const merged = mapFields(parts as Record<string, unknown>, (value, part) =>
    part === "result" ? value : { ...visible[part as (typeof secretParts)[number]], ...(value as object) },
  );
  return sessionState(
    { ...columns, ...visible, ...merged },
    { hidden: sealedHidden, drafted: sealedDrafted, receiptKey: sealedKey },
  );
}

function sessionState(
  snapshot: Snapshot,
  { hidden, drafted, receiptKey }: { readonly [Part in keyof ServerState]-?: ServerState[Part] | undefined },
): SessionState {
  return {
    snapshot,
    hidden: hidden ?? {},
    drafted: drafted ?? null,
    receiptKey: Buffer.from(receiptKey ?? "", "base64url"),
  };
}
