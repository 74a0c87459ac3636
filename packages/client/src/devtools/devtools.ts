import { SessionsError } from "@sessions/core/internal";
import { deleteDatabase } from "../store/database.ts";
import { panelModelOf } from "./panel-model.ts";
import { createPanel } from "./panel.ts";
import { interceptApi } from "./interceptor.ts";
import type { SessionsClient } from "../sessions.ts";
import { syncBySessions, type Sync } from "../sync/sync.ts";

const opened = new WeakMap<SessionsClient, () => void>();

/**
 * Shows a panel for developers on this page. The panel shows sessions, the queue, drafts, the part of this tab, the disk
 * and the clock. Its buttons go offline, drop a reply and evict the store. Typed values are hidden until the developer
 * asks for them. The panel can open at any time, once for each `sessions`, and `sessions.close()` removes it. The returned
 * function removes the panel, and undoes what it did to the connection.
 *
 * @throws {SessionsError} `configuration_invalid`: another copy of the package made these sessions.
 * @example
 * if (import.meta.env.DEV) {
 *   const { openDevtools } = await import("@sessions/client/devtools");
 *   openDevtools(sessions);
 * }
 */
export function openDevtools(sessions: SessionsClient): () => void {
  const known = opened.get(sessions);
  if (known !== undefined) return known;
  const sync = syncOf(sessions);
  const { store, connection, tabs } = sync;
  const interceptor = interceptApi(sync.api);
  const elsewhere = () => (tabs.isLeader ? "" : " But another tab leads, and sends for this one, too.");
  let revealed = false;
  let basis: readonly unknown[] = [];
  let frame = 0;

  const panel = createPanel({
    onOffline() {
      if (interceptor.isCut) interceptor.mend();
      else interceptor.cut();
      sync.reconnect();
      return interceptor.isCut
        ? `Offline: nothing is sent or heard.${elsewhere()}`
        : "Online: what waited is sent now.";
    },
    onDrop() {
      interceptor.dropReply(!interceptor.drops);
      return interceptor.drops
        ? `The reply to the next push is dropped, after the server has acted on it.${elsewhere()}`
        : "No reply is dropped.";
    },
    async onEvict() {
      await deleteDatabase(store.name);
      return "The store was deleted, as by a browser that is short of space. What this page knows is written again.";
    },
    onReveal() {
      revealed = !revealed;
      return revealed ? "What was typed is shown." : "What was typed is hidden.";
    },
  });

  // A look at each painted frame costs only this page. Events for the panel would cost every page without devtools.
  function look(): void {
    if (!sync.isOpen()) return close();
    frame = requestAnimationFrame(look);
    const { loaded, storage, device, lost } = store;
    const circumstances = [loaded, storage, device, lost, connection.state, !connection.state.up, tabs.isLeader];
    const now = [
      ...store.records.values(),
      ...circumstances,
      interceptor.sending,
      interceptor.isCut,
      interceptor.drops,
      revealed,
    ];
    if (now.length === basis.length && now.every((value, index) => value === basis[index])) return;
    basis = now;
    panel.show(panelModelOf(sync, interceptor), { isCut: interceptor.isCut, drops: interceptor.drops, revealed });
  }

  function close(): void {
    // Another panel may have opened since then. Leave it.
    if (opened.get(sessions) !== close) return;
    cancelAnimationFrame(frame);
    opened.delete(sessions);
    panel.remove();
    interceptor.remove();
    if (sync.isOpen()) sync.reconnect();
  }

  opened.set(sessions, close);
  look();
  return close;
}

function syncOf(sessions: SessionsClient): Sync {
  const sync = syncBySessions.get(sessions);
  if (sync !== undefined) return sync;
  throw new SessionsError(
    "configuration_invalid",
    "The devtools and createSessionsClient are of two copies of the package.",
  );
}
