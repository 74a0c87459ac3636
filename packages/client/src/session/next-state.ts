import { fieldValues, type Device } from "@sessions/core/internal";
import { withoutContents } from "../record/lift.ts";
import { isSessionUnknown, type StoredShelvedChange } from "../record/record.ts";
import { viewOf } from "../record/view.ts";
import type { ActionBeforeLoad } from "./actions-before-load.ts";
import { sessionStateOf, type SessionState, type ShelvedChange, type StateInput } from "./state.ts";
import { isOfOtherVersion } from "./sync-state.ts";

export interface NextStateInput extends Omit<StateInput, "view" | "shelved"> {
  readonly device: Device;
  readonly early: readonly ActionBeforeLoad[];
  /** Gives a shelved change its methods. */
  readonly offer: (change: StoredShelvedChange) => ShelvedChange;
}

/**
 * The state of a session after a change: its view, and the drafts that the view does not have. A session that this page
 * cannot read any more stays on the screen as it was.
 */
export function nextState(before: SessionState, { device, early, offer, ...input }: NextStateInput): SessionState {
  const { flow, record, sync, absence } = input;
  const { snapshot, otherVersionDrafts } = record;
  const isOther = isOfOtherVersion(flow, record);
  const isBehind = (snapshot?.revision ?? 0) < before.revision;
  const keepsState = sync.state === "outdated" && (isBehind || (isOther && before.status === "active"));
  const state = keepsState
    ? { ...before, sync }
    : sessionStateOf({
        ...input,
        view: isOther ? snapshot && withoutContents(snapshot) : viewOf(flow, record, device),
        // A known session without a view is one whose start was refused.
        absence: isSessionUnknown(record) ? absence : "missing",
        shelved: record.shelved.map(offer),
      });
  const own = otherVersionDrafts.filter(({ version }) => version === flow.version && (keepsState || isOther));
  const isOpen = state.status === "loading" || state.status === "active";
  const drafts: Record<string, object | undefined> = { ...state.drafts };
  for (const { step, fields } of [
    ...own.map(({ step, fields: draftFields }) => ({ step, fields: fieldValues(draftFields) })),
    ...(isOpen ? early : []),
  ]) {
    if (step !== null && Object.keys(fields).length > 0) drafts[step] = { ...drafts[step], ...fields };
  }
  // The flow's own schemas made the values.
  return { ...state, drafts } as SessionState;
}
