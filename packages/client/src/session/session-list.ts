import type { AnyFlow, ListReply, Snapshot } from "@sessions/core/internal";
import { createAttempts } from "../sync/attempts.ts";
import { sleep } from "../environment.ts";
import { createListeners } from "../listeners.ts";
import { applySnapshot } from "../record/snapshot.ts";
import type { InternalSession } from "./session.ts";
import { isSessionUnknown } from "../record/record.ts";
import { sameItems } from "../same-items.ts";
import type { Sync } from "../sync/sync.ts";
import type { SessionState } from "./state.ts";

/** Ended sessions in one page. */
const PAGE = 20;

/** The owner's sessions of one flow, newest first. Immutable: a change makes another object. */
export interface SessionListState<Flow extends AnyFlow = AnyFlow> {
  /** Those that can be continued, and those whose start waits or was refused. */
  readonly active: readonly SessionState<Flow>[];
  readonly ended: readonly SessionState<Flow>[];
  /** Whether the server has older ended ones. */
  readonly more: boolean;
  /** Whether a page is on its way. Until the first one has come, there may be more than is listed, offline too. */
  readonly loading: boolean;
  /** Whether the server, or a proxy before it, refuses again and again to list sessions. Then some may be missing here. */
  readonly blocked: boolean;
  /** Whether nobody, or another person, is signed in here: nothing is listed before that changes. */
  readonly signedOut: boolean;
}

/** A live list. When a session starts or ends on any device, the list changes by itself. */
export interface SessionList<Flow extends AnyFlow = AnyFlow> {
  readonly state: SessionListState<Flow>;
  /** The state before anything is known. A server renders it. */
  readonly initialState: SessionListState<Flow>;
  /** Calls the listener after every change of `state`. Returns a function that ends the subscription. */
  subscribe(listener: () => void): () => void;
  /** Asks for the next page of ended sessions. Never rejects; offline it changes nothing. */
  loadMore(): Promise<void>;
}

export interface InternalList extends SessionList {
  refresh(): void;
  /** Asks for the first page again: the client may have missed something. */
  reload(): Promise<void>;
}

export function createSessionList(flow: AnyFlow, sync: Sync, sessionOf: (id: string) => InternalSession): InternalList {
  const { store, api, connection, environment, device } = sync;
  const listeners = createListeners();
  const attempts = createAttempts(connection, environment);
  const initialState: SessionListState = {
    active: [],
    ended: [],
    more: false,
    loading: true,
    blocked: false,
    signedOut: false,
  };
  let state = initialState;
  // Undefined until the first page has come.
  let next: ListReply["next"] | undefined;
  let loading = false;
  const reload = () => load(null);

  function refresh(): void {
    const ids = [...store.records].filter(([, record]) => record.flow === flow.name && !isSessionUnknown(record));
    const states = ids.map(([id]) => sessionOf(id).state);
    const isActive = ({ endedAt }: SessionState) => endedAt === null;
    const newest = (at: "startedAt" | "endedAt") => (left: SessionState, right: SessionState) =>
      (right[at] ?? "").localeCompare(left[at] ?? "") || right.id.localeCompare(left.id);
    const made: SessionListState = {
      active: states.filter(isActive).sort(newest("startedAt")),
      ended: states.filter((session) => !isActive(session)).sort(newest("endedAt")),
      more: next !== null && next !== undefined,
      loading: loading || !store.loaded || next === undefined,
      blocked: attempts.areBlocked(),
      signedOut: connection.state.signedOut,
    };
    if (isSame(made, state)) return;
    state = made;
    listeners.notify();
  }

  async function load(after: NonNullable<ListReply["next"]> | null): Promise<void> {
    if (loading || !sync.isOpen()) return;
    loading = true;
    refresh();
    try {
      await store.ready;
      let reply = await loadPage(after, PAGE);
      // All active sessions are shown. The ended ones begin behind them.
      while (reply.ended.length === 0 && reply.next?.endedAt === null && sync.isOpen())
        reply = await loadPage(reply.next, 100);
      // A reload of the first page keeps the place of the later pages, unless more sessions have ended than a page holds.
      const oldest = reply.ended.at(-1);
      const reaches = oldest === undefined || store.records.get(oldest.id)?.snapshot?.endedAt === oldest.endedAt;
      if (after !== null || next === undefined || !reaches) next = reply.next;
      applySnapshots(reply.ended);
      attempts.succeeded();
    } catch (error) {
      const pauseMs = attempts.failed(error);
      // The person asks for more again.
      if (after === null && !connection.state.signedOut) void sleep(pauseMs, environment).then(reload);
    }
    loading = false;
    if (sync.isOpen()) refresh();
  }

  async function loadPage(after: ListReply["next"], limit: number): Promise<ListReply> {
    const reply = await api.list({ flow: flow.name, limit, after });
    connection.heard(reply.now);
    applySnapshots(reply.active);
    return reply;
  }

  function applySnapshots(snapshots: readonly Snapshot[]): void {
    for (const snapshot of snapshots) void store.change(snapshot.id, applySnapshot(snapshot, device(), flow));
  }

  refresh();
  void reload();
  return {
    get state() {
      return state;
    },
    initialState,
    subscribe: listeners.subscribe,
    loadMore: async () => (next === null ? undefined : load(next ?? null)),
    refresh,
    reload,
  };
}

function isSame(left: SessionListState, right: SessionListState): boolean {
  const parts = ({ active, ended, ...flags }: SessionListState) => [...active, null, ...ended, ...Object.values(flags)];
  return sameItems(parts(left), parts(right));
}
