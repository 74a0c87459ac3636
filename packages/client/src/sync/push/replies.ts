import type { AnyFlow, Command, Device, PushReply } from "@sessions/core/internal";
import type { Environment } from "../../environment.ts";
import { emptyRecord } from "../../record/record.ts";
import { applyReply } from "../../record/reply.ts";
import type { Store } from "../../store/store.ts";
import type { Connection } from "../connection.ts";
import { createTimer } from "../timer.ts";

/** How long to wait, in milliseconds, with a session that needs another version of client or server. */
const OUTDATED_MS = 60_000;

export interface RepliesOptions {
  readonly flows: ReadonlyMap<string, AnyFlow>;
  readonly store: Pick<Store, "records" | "change">;
  readonly connection: Connection;
  readonly environment: Environment;
  readonly device: () => Device;
}

/** Applies the replies to pushes to the records. It knows which sessions' replies only a page of another version can apply. */
export interface Replies {
  /** Whether this page can apply a reply to the session. A tab of another version sends the sessions of that version. */
  isReadable(session: string): boolean;
  /** Applies the reply to these commands. Returns whether it had no room for a session that they changed. */
  apply(commands: readonly Command[], reply: Pick<PushReply, "outcomes" | "snapshots">): boolean;
  /** Sessions that wait for another version may be sent now. */
  hurry(): void;
  close(): void;
}

/** `onDue`: sessions that waited for another version may be sent again. */
export function createReplies(
  { flows, store, connection, environment, device }: RepliesOptions,
  onDue: () => void,
): Replies {
  const outdated = new Set<string>();
  // The server has a newer version of these sessions: only a page of that version can apply its answers.
  const newerOnServer = new Set<string>();
  const timer = createTimer(environment);

  function leaveAlone(session: string): void {
    if (outdated.size === 0)
      timer.set(OUTDATED_MS, () => {
        outdated.clear();
        onDue();
      });
    outdated.add(session);
  }

  function hurry(): void {
    timer.clear();
    outdated.clear();
  }

  return {
    isReadable(session) {
      const { flow, version } = store.records.get(session) ?? emptyRecord;
      return version === flows.get(flow)?.version && !outdated.has(session) && !newerOnServer.has(session);
    },
    apply(commands, reply) {
      const outcomes = new Map(commands.map(({ id }, index) => [id, reply.outcomes[index]!]));
      const snapshots = new Map(reply.snapshots.map((snapshot) => [snapshot.id, snapshot]));
      let lacksSnapshot = false;
      for (const session of new Set(commands.map((command) => command.session))) {
        const snapshot = snapshots.get(session);
        const flow = flows.get(store.records.get(session)?.flow ?? "");
        if (flow === undefined) continue;
        const sent = commands.filter((command) => command.session === session);
        // The reply had no room for the session, and the screen would go back. Sent again, the command brings it.
        if (snapshot === undefined && sent.some(({ id }) => outcomes.get(id)!.status === "accepted")) {
          lacksSnapshot = true;
          continue;
        }
        try {
          const answer = { snapshot, outcomes, commands: sent };
          void store.change(session, applyReply(answer, { flow, device: device(), nowMs: connection.now() }));
        } catch {
          // The flow's own code threw. Other sessions go on.
          leaveAlone(session);
        }
        if ((snapshot?.version ?? 0) > flow.version) newerOnServer.add(session);
        else if (store.records.get(session)?.outdated) leaveAlone(session);
      }
      return lacksSnapshot;
    },
    hurry,
    close: hurry,
  };
}
