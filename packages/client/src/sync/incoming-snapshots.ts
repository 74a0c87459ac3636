import { PROTOCOL_VERSION, type AnyFlow, type Device, type Snapshot, type WatchEvent } from "@sessions/core/internal";
import type { Environment } from "../environment.ts";
import { applySnapshot } from "../record/snapshot.ts";
import type { Store } from "../store/store.ts";
import { answerOf, isFinal } from "./http/answer.ts";
import type { Api } from "./api.ts";
import type { Connection } from "./connection.ts";

export interface IncomingSnapshotsOptions {
  readonly api: Api;
  readonly environment: Environment;
  readonly connection: Connection;
  readonly flows: ReadonlyMap<string, AnyFlow>;
  readonly store: Store;
  readonly device: () => Device;
  /** Snapshots have come, for the tabs that do not watch themselves. */
  readonly onEvent: (event: WatchEvent) => void;
}

/** The server's changes of the owner's active sessions: writes them to the store, and knows which revisions to ask from. */
export interface IncomingSnapshots {
  /** When the server was last heard here, in milliseconds by this device's clock. */
  readonly heardAtMs: number;
  /** The revisions that the store has, by session: the newest active sessions, as many as a request may name. */
  revisions(): Record<string, number>;
  /** Asks for the changes once, and stores them page by page while `isOpen`. */
  read(isOpen: () => boolean): Promise<void>;
  /**
   * Stores an event. `listed` are the sessions that the request or an earlier event of the same beginning named. Once the
   * beginning is complete, every other active session has ended, and is read.
   */
  receive(event: WatchEvent, listed?: Set<string>): void;
  /** Stores an event that came to another tab. */
  accept(event: WatchEvent): void;
  /** Names fewer sessions from now on, if the error says that a request was too long: some servers refuse a long URL. */
  nameFewer(error: unknown): void;
}

export function createIncomingSnapshots({
  api,
  environment,
  connection,
  flows,
  store,
  device,
  onEvent,
}: IncomingSnapshotsOptions): IncomingSnapshots {
  let heardAtMs = 0;
  // How many sessions a request may name. They travel in a URL.
  let maxNamed = 100;

  function active(): Snapshot[] {
    return [...store.records.values()].flatMap(({ snapshot }) => (snapshot?.status === "active" ? [snapshot] : []));
  }

  function revisions(): Record<string, number> {
    const newest = active()
      .sort((left, right) => (left.id < right.id ? 1 : -1))
      .slice(0, maxNamed);
    return Object.fromEntries(newest.map(({ id, revision }) => [id, revision]));
  }

  function apply(snapshot: Snapshot): void {
    void store.change(snapshot.id, applySnapshot(snapshot, device(), flows.get(snapshot.flow)));
  }

  function accept({ now, protocol, snapshots }: WatchEvent): void {
    connection.heard(now, protocol);
    if (protocol === PROTOCOL_VERSION) snapshots.forEach(apply);
  }

  function receive(event: WatchEvent, listed?: Set<string>): void {
    const { protocol, snapshots, more } = event;
    heardAtMs = environment.now();
    accept(event);
    if (protocol !== PROTOCOL_VERSION) return;
    for (const { id } of snapshots) listed?.add(id);
    if (listed && !more) void readEach(active().filter(({ id }) => !listed.has(id)));
    if (snapshots.length > 0) onEvent(event);
  }

  /** These are active here, and the server does not list them. */
  async function readEach(ended: readonly Snapshot[]): Promise<void> {
    for (const { id } of ended) {
      const reply = await api.read(id).catch(() => undefined);
      if (reply?.session) apply(reply.session);
    }
  }

  return {
    get heardAtMs() {
      return heardAtMs;
    },
    revisions,
    async read(isOpen) {
      const known = revisions();
      const listed = new Set(Object.keys(known));
      for (let after: string | undefined, more = true; more && isOpen();) {
        const event = await api.changes(known, after);
        receive(event, listed);
        after = event.snapshots.at(-1)?.id;
        more = event.more && after !== undefined;
      }
    },
    receive,
    accept,
    nameFewer(error) {
      const { status = 0, isRouters } = answerOf(error) ?? {};
      if (!isRouters && isFinal(status) && status !== 404) maxNamed = Math.min(maxNamed, active().length) >> 1;
    },
  };
}
