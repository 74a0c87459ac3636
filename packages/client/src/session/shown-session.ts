import type { Advanced, AnyFlow, Command, Snapshot } from "@sessions/core/internal";
import { emptyRecord, isOfOtherFlow, type SessionRecord } from "../record/record.ts";
import { judgeIgnoringDeadline, viewOf } from "../record/view.ts";
import type { Sync } from "../sync/sync.ts";

/** One session as it is on this device now. */
export interface ShownSession {
  /** Its record. It is empty while nothing is known, and if the session is of another flow. */
  record(): SessionRecord;
  /** What the person sees of it. */
  view(): Snapshot | null;
  /** The answer of the rules to a command on a view. */
  judge(view: Snapshot | null, command: Command): Advanced;
}

export function createShownSession(flow: AnyFlow, id: string, { store, device, connection }: Sync): ShownSession {
  function record(): SessionRecord {
    const found = store.records.get(id) ?? emptyRecord;
    return isOfOtherFlow(found, flow) ? emptyRecord : found;
  }

  return {
    record,
    view: () => viewOf(flow, record(), device()),
    judge: (view, command) => judgeIgnoringDeadline(flow, view, command, device(), connection.now()),
  };
}
