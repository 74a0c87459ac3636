import { idSchema, type AnyFlow } from "@sessions/core/internal";
import { isServerRender, sleep } from "../environment.ts";
import { emptyRecord, isOfOtherFlow, isSessionUnknown } from "../record/record.ts";
import { applySnapshot } from "../record/snapshot.ts";
import { createAttempts } from "../sync/attempts.ts";
import type { Sync } from "../sync/sync.ts";

/** The longest pause before the server is asked again, in milliseconds. A person waits for the session. */
const LONGEST_PAUSE_MS = 5_000;

export interface LookupState {
  /** Why there is no record of the session: the server has not answered yet, or it has no such session of this flow. */
  readonly absence: "loading" | "missing";
  /** Whether the router, or a program before it, refuses again and again to say anything of the session. */
  readonly isBlocked: boolean;
}

/**
 * Makes the function that looks a session up: it asks the server while the session is unknown here. `onChange`: the
 * function may return something else now, or the session's record has changed.
 */
export function createLookup(flow: AnyFlow, id: string, sync: Sync, onChange: () => void): () => LookupState {
  const { store, connection, api, environment } = sync;
  const attempts = createAttempts(connection, environment);
  // The server is not asked for something that is no id.
  const isPossible = (sync.isOpen() || isServerRender()) && idSchema.safeParse(id).success;
  let absence: LookupState["absence"] = isPossible ? "loading" : "missing";
  let isReading = false;

  async function read(): Promise<void> {
    isReading = true;
    try {
      const reply = await api.read(id);
      connection.heard(reply.now);
      attempts.succeeded();
      if (reply.session?.flow === flow.name) await store.change(id, applySnapshot(reply.session, sync.device(), flow));
      else absence = "missing";
    } catch (error) {
      const pauseMs = attempts.failed(error);
      onChange();
      await sleep(Math.min(LONGEST_PAUSE_MS, pauseMs), environment);
    }
    isReading = false;
    if (sync.isOpen()) onChange();
  }

  return () => {
    const record = store.records.get(id) ?? emptyRecord;
    if (isOfOtherFlow(record, flow)) absence = "missing";
    const isWanted = absence === "loading" && isSessionUnknown(record);
    if (isWanted && store.loaded && !isReading && !connection.state.signedOut) void read();
    return { absence, isBlocked: attempts.areBlocked() };
  };
}
