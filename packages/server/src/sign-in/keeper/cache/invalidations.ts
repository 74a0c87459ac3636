import type { Bus } from "../../../bus/bus.ts";
import { loadEpoch } from "../../rows/epoch.ts";
import { listInvalidations } from "../../rows/history.ts";
import type { StoredSignIn } from "../../rows/stored-sign-in.ts";
import type { KeeperContext } from "../context.ts";
import { Lease } from "./lease.ts";
import { changeFrom, contentOf, type SignInChange } from "../../../bus/sign-in-change.ts";
import type { EndedNotice } from "../sign-in-keeper.ts";

/** How much later than its time, which its node's clock gives, a change may be committed, in milliseconds. */
const LATE_MS = 60_000;
/** How far back the first look goes, in milliseconds. */
const FIRST_LOOK_MS = 600_000;
/** How many changes are read at a time. */
const PAGE_SIZE = 2_000;

export interface InvalidationsOptions extends Pick<
  KeeperContext,
  "db" | "schema" | "cache" | "known" | "now" | "elapsedMs" | "report"
> {
  readonly bus: Bus | undefined;
  readonly leaseMs: number;
}

/**
 * Keeps this node's cache correct when a sign-in changes on any node. The bus tells of a change at once. It can lose a
 * notice, and a node can die between its commit and its notice: so the node also looks in the database, within each lease.
 */
export class Invalidations {
  readonly lease: Lease;
  readonly #options: InvalidationsOptions;
  readonly #listeners = new Set<(ended: EndedNotice) => void>();
  readonly #stopListening: (() => Promise<void>) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lookedMs: number | undefined;

  constructor(options: InvalidationsOptions) {
    this.#options = options;
    const { leaseMs, elapsedMs, bus, schema } = options;
    this.lease = new Lease({ leaseMs, elapsedMs, look: () => this.#look() });
    this.#stopListening = bus?.open({
      onNotices: (notices) => {
        for (const notice of notices) {
          const change = notice.kind === "sign_in" ? changeFrom(schema, notice.content) : undefined;
          if (change !== undefined) this.#apply(change);
        }
      },
      onListeningChange: (isListening) => {
        // A request that needs the lease hears of the fault.
        if (isListening) this.lease.renew().catch(() => {});
      },
    });
  }

  /** Calls the listener when sign-ins end. Gives a function that ends the calls. */
  onEnded(listener: (ended: EndedNotice) => void): () => void {
    const own = (ended: EndedNotice) => listener(ended);
    this.#listeners.add(own);
    this.#lookAtTimes();
    return () => {
      this.#listeners.delete(own);
      this.#lookAtTimes();
    };
  }

  /** Caches a sign-in as it was read. */
  put(signIn: StoredSignIn, readMs: number): void {
    if (this.#options.known.allows(signIn)) this.#options.cache.put(signIn, readMs);
  }

  /** Tells of changes that this node has committed: first itself, then the others. */
  tell(changes: readonly SignInChange[]): void {
    for (const change of changes) {
      this.#apply(change);
      this.#options.bus?.publish({ kind: "sign_in", content: contentOf(this.#options.schema, change) });
    }
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    this.#lookAtTimes();
    await this.#stopListening?.();
  }

  #apply(change: SignInChange): void {
    const { cache, known, now } = this.#options;
    if (change.kind === "everybody") {
      if (change.epoch <= known.epoch) return;
      known.epoch = change.epoch;
      known.epochHeardMs = now();
      cache.clear();
      this.#emit("everybody");
      return;
    }
    const { owner, id } = change;
    const revision = change.kind === "ended" ? Infinity : change.revision;
    const isNew = known.note(id, revision);
    cache.dropOlder(id, revision);
    if (isNew && change.kind === "ended") this.#emit({ owner, publicId: id });
  }

  #emit(ended: EndedNotice): void {
    for (const listener of this.#listeners) listener(ended);
  }

  async #look(): Promise<void> {
    const { now, known } = this.#options;
    const db = this.#options.db.withSchema(this.#options.schema);
    const lookedMs = now();
    const isFirst = this.#lookedMs === undefined;
    const sinceMs = Math.min(this.#lookedMs ?? lookedMs - FIRST_LOOK_MS, lookedMs) - LATE_MS;
    const epoch = await loadEpoch(db);
    if (isFirst) known.epoch = Math.max(known.epoch, epoch);
    else this.#apply({ kind: "everybody", epoch });
    for (let offset = 0; ; offset += PAGE_SIZE) {
      const page = await listInvalidations(db, sinceMs, { limit: PAGE_SIZE, offset });
      for (const { owner, id, revision } of page) {
        this.#apply(revision === Infinity ? { kind: "ended", owner, id } : { kind: "changed", owner, id, revision });
      }
      if (page.length < PAGE_SIZE) break;
    }
    this.#lookedMs = lookedMs;
  }

  /** Streams end within the lease although no request comes. The timer does not keep the process alive. */
  #lookAtTimes(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (this.#listeners.size === 0) return;
    const everyMs = Math.max(1_000, this.#options.leaseMs / 3);
    this.#timer = setInterval(() => void this.lease.renew().catch(() => {}), everyMs).unref();
  }
}
