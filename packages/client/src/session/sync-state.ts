import type { AnyFlow } from "@sessions/core/internal";
import { isSessionUnknown, type SessionRecord } from "../record/record.ts";
import type { Connection } from "../sync/connection.ts";
import type { ActionBeforeLoad } from "./actions-before-load.ts";
import type { SyncState } from "./state.ts";

export interface SyncStateInput {
  readonly flow: AnyFlow;
  readonly record: SessionRecord;
  readonly early: readonly ActionBeforeLoad[];
  readonly connection: Connection;
  /** Whether the server, or something before it, refuses to say anything of the session, again and again. */
  readonly isBlocked: boolean;
  readonly storage: SyncState["storage"];
}

/** Whether a record is of another version of the flow than this page's. */
export function isOfOtherVersion(flow: AnyFlow, record: SessionRecord): boolean {
  return record.version !== 0 && record.version !== flow.version;
}

export function syncStateOf({ flow, record, early, connection, isBlocked, storage }: SyncStateInput): SyncState {
  const typedEarly = early.flatMap(({ step }) => step ?? []);
  const drafts = new Set([...Object.keys(record.drafts), ...typedEarly]).size + record.otherVersionDrafts.length;
  const commands = record.pending.length + early.length - typedEarly.length;
  const pending = commands + drafts + (record.confirmation ? 1 : 0);
  const otherVersion = isOfOtherVersion(flow, record) && !record.snapshot?.endedAt;
  const state = (): SyncState["state"] => {
    if (connection.state.outdated || record.outdated || otherVersion) return "outdated";
    if (connection.state.signedOut) return "signed_out";
    if (isBlocked && isSessionUnknown(record)) return "blocked";
    if (record.shelved.length > 0) return "attention";
    if (!connection.state.up) return "offline";
    return pending > 0 ? "saving" : "saved";
  };
  return { state: state(), pending, storage };
}
