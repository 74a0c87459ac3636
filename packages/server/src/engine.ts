import { setTimeout } from "node:timers/promises";
import type { Kysely } from "kysely";
import { LRUCache } from "lru-cache";
import {
  atTime,
  commandSchema,
  MAX_COMMANDS,
  PROTOCOL_VERSION,
  SessionsError,
  type Command,
  type Device,
  type Outcome,
  type PushReply,
  type PushRequest,
  type Snapshot,
} from "@sessions/core";
import type { Notice } from "./bus/bus.ts";
import { SessionCache } from "./cache.ts";
import { Committer, QueueFull, type Write } from "./committer.ts";
import { decide, type Court, type Decided } from "./decision.ts";
import { judge, refused, type Judgement } from "./judgement.ts";
import { databaseFault, isDataError, isTimedOut, isTransient, type EngineKind } from "./postgres/database.ts";
import { TurnTimedOut } from "./postgres/keyed-queue.ts";
import type { OwnerShares } from "./postgres/owner-shares.ts";
import { noteDevice } from "./postgres/owner.ts";
import type { Partitions } from "./postgres/partitions.ts";
import type { Tables } from "./postgres/tables.ts";
import type { Update } from "./postgres/updates.ts";
import type { Reader } from "./reader.ts";
import { follow, type Stored } from "./stored.ts";
import type { Telemetry } from "./telemetry.ts";

/** How often a command races others for its session before it takes the row's lock and waits its turn. */
const MAX_RACES = 3;

/** How often a command is judged again after a deadlock or a serialization failure. */
const MAX_ATTEMPTS = 10;

/** How long a command waits before it is judged again, in milliseconds: up to this, doubled each time, and no longer. */
const RETRY_MS = 2;
const LAST_RETRY_MS = 200;

/** The most writes in one statement. */
const BATCH_SIZE = 256;

/** The most commands that are under way at once, whatever they wait for. */
const MAX_UNDER_WAY = 10_000;

/** When a push that was turned away may be sent again, in milliseconds. */
const RETRY_AFTER_MS = 1_000;

/** How often a device's last sighting is written, in milliseconds. */
const DEVICE_NOTE_MS = 3_600_000;

const turnedAway: Decided = { outcome: refused({ code: "busy", retryAfterMs: RETRY_AFTER_MS }), stored: null };

export interface EngineOptions extends Court {
  readonly kind: EngineKind;
  readonly partitions: Partitions;
  /** How much memory the sessions that are remembered may take, roughly. */
  readonly cacheBytes: number;
  /** Called after the commit, with the session as it is now. */
  readonly publish: (owner: string, snapshot: Snapshot) => void;
  readonly reader: Reader;
  readonly shares: OwnerShares;
  readonly telemetry: Telemetry;
}

/** What happens to commands, once somebody has said whose they are. */
export class Engine {
  readonly #options: EngineOptions;
  readonly #db: Kysely<Tables>;
  readonly #cache: SessionCache;
  readonly #committer: Committer<Update & Write>;
  #underWay = 0;
  /** How many of an owner's commands are under way. */
  readonly #ofOwner = new Map<string, number>();
  readonly #noted = new LRUCache<string, string>({ max: 10_000, ttl: DEVICE_NOTE_MS });

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#db = options.db.withSchema(options.schema);
    this.#cache = new SessionCache(options.cacheBytes);
    const { telemetry } = options;
    this.#committer = new Committer({
      commit: (writes) => {
        telemetry.batch(writes.length);
        const attributes = { "sessions.writes": writes.length };
        // The writes are many owners', whoever's request it was that began the batch.
        return options.shares.within(() => telemetry.span("sessions.commit", attributes, () => this.#writeAll(writes)));
      },
      isTransient,
      isOneWrites: isDataError,
      batchSize: BATCH_SIZE,
      queueSize: MAX_UNDER_WAY,
    });
  }

  /** How many writes wait. */
  get queued(): number {
    return this.#committer.depth;
  }

  /** Takes commands in their order; those of different sessions do not wait for one another. */
  push(owner: string, request: PushRequest): Promise<PushReply> {
    const attributes = { "sessions.commands": request.commands.length };
    return this.#options.telemetry.span("sessions.push", attributes, () => this.#push(owner, request));
  }

  async #push(owner: string, { protocol, device, commands }: PushRequest): Promise<PushReply> {
    const { telemetry, reader, now } = this.#options;
    const everyOutcome = (outcome: Outcome): PushReply => ({
      now: this.#iso(),
      outcomes: commands.map(() => outcome),
      snapshots: [],
    });
    if (protocol !== PROTOCOL_VERSION) {
      return everyOutcome(refused({ code: "outdated", given: protocol, current: PROTOCOL_VERSION }));
    }
    if (commands.length > MAX_COMMANDS) {
      return everyOutcome(refused({ code: "too_many_commands", atMost: MAX_COMMANDS }));
    }

    const outcomes: Outcome[] = [];
    const bySession = new Map<string, { readonly index: number; readonly command: Command }[]>();
    for (const [index, unknown] of commands.entries()) {
      const parsed = commandSchema.safeParse(unknown);
      if (parsed.success) {
        const group = bySession.get(parsed.data.session) ?? [];
        group.push({ index, command: parsed.data });
        bySession.set(parsed.data.session, group);
      } else {
        const issues = parsed.error.issues.map(({ path, message }) => ({ path: path.map(String), message }));
        outcomes[index] = refused({ code: "malformed", issues });
        telemetry.outcome("malformed", outcomes[index]);
      }
    }

    const snapshots: Snapshot[] = [];
    const takeAll = async (session: string, group: readonly { index: number; command: Command }[]) => {
      let stored: Stored | undefined;
      let busy: Outcome | undefined;
      for (const { index, command } of group) {
        // What depends on a command that was turned away is turned away with it, to come again in its order.
        const decided: Decided = busy
          ? { outcome: busy, stored: null }
          : await this.#takeOne(owner, device, command, stored).catch((error: unknown) => this.#failed(command, error));
        outcomes[index] = decided.outcome;
        busy = isBusy(decided.outcome) ? decided.outcome : undefined;
        telemetry.outcome(command.kind, decided.outcome);
        // One that was turned away has changed nothing: what was written before it is told.
        if (!busy) stored = decided.stored ?? undefined;
      }
      // What was just written is told as it is, unless its deadline has passed since.
      const written = stored && atTime(stored.snapshot, now()) === stored.snapshot ? stored.snapshot : null;
      // Whoever is turned away costs the database nothing.
      const told = written ?? (busy ? null : await reader.read(owner, session));
      if (told !== null) snapshots.push(told);
    };
    await settleAll([...bySession].map(([session, group]) => takeAll(session, group)));
    if (outcomes.some(({ outcome }) => outcome === "accepted")) await this.#noteDevice(owner, device);
    return { now: this.#iso(), outcomes, snapshots };
  }

  /** Another node has changed a session: what is remembered of it is old. Undefined: any may be. */
  forget(notice: Notice | undefined): void {
    if (notice === undefined) this.#cache.clear();
    else this.#cache.dropOlder(notice.owner, notice.session, notice.revision);
  }

  async #takeOne(owner: string, device: Device, command: Command, before: Stored | undefined): Promise<Decided> {
    const ofOwner = this.#ofOwner.get(owner) ?? 0;
    if (this.#underWay >= MAX_UNDER_WAY || ofOwner >= this.#options.bounds.ownerCommands) return turnedAway;
    this.#underWay += 1;
    this.#ofOwner.set(owner, ofOwner + 1);
    try {
      return await this.#take(owner, device, command, before);
    } catch (error) {
      // Nothing was written: it was not its turn yet, or another's lock did not come free in time.
      if (error instanceof QueueFull || error instanceof TurnTimedOut || isTimedOut(error)) return turnedAway;
      throw error;
    } finally {
      this.#underWay -= 1;
      const left = this.#ofOwner.get(owner)! - 1;
      if (left === 0) this.#ofOwner.delete(owner);
      else this.#ofOwner.set(owner, left);
    }
  }

  async #take(owner: string, device: Device, command: Command, before: Stored | undefined): Promise<Decided> {
    let stored: Stored | null | undefined = before ?? this.#cache.get(owner, command.session);
    this.#options.telemetry.lookUp(stored !== undefined);
    let fresh = false;
    for (let attempt = 1; ; attempt += 1) {
      if (stored === undefined) {
        const found: Stored | null = await this.#options.reader.load(owner, command.session);
        if (found !== null) this.#cache.put(owner, found);
        stored = found;
        fresh = true;
      }
      const nowMs = this.#options.now();
      const judgement = judge(this.#options.flows, stored, command, { nowMs, device });
      if (judgement.settled && !fresh) {
        // What is remembered may be old: an outcome is told only from what the database holds now.
        stored = undefined;
        continue;
      }
      if (judgement.settled) {
        if (judgement.fault) this.#options.report(judgement.fault);
        // A replay may be all that is left of a commit whose connection broke: nobody has been told of it yet.
        if (judgement.outcome.outcome === "accepted" && stored) this.#options.publish(owner, stored.snapshot);
        return { outcome: judgement.outcome, stored };
      }

      await this.#options.partitions.ensure(nowMs);
      try {
        const decided =
          stored === null || attempt > MAX_RACES || this.#needsTransaction(judgement)
            ? await decide(this.#options, owner, device, command, judgement.served)
            : await this.#write(owner, stored, command, judgement);
        if (decided !== null) {
          const { outcome, stored: now } = decided;
          if (now !== null) this.#cache.put(owner, now);
          if (outcome.outcome === "accepted" && now !== null) this.#options.publish(owner, now.snapshot);
          return decided;
        }
      } catch (error) {
        if (!isTransient(error) || attempt >= MAX_ATTEMPTS) throw error;
        // Those that met do not meet again in step.
        await setTimeout(Math.random() * Math.min(RETRY_MS * 2 ** attempt, LAST_RETRY_MS));
      }
      if (attempt >= MAX_ATTEMPTS) throw new SessionsError("internal", `Gave up after ${attempt} attempts.`);
      stored = undefined;
    }
  }

  /** One command must not fail its neighbours, nor come back for ever: only what a retry may mend is thrown. */
  #failed({ id, kind, session }: Command, error: unknown): Decided {
    const fault = databaseFault(error);
    if (fault?.code.startsWith("database_") && !isDataError(error)) throw error;
    const where = `Command ${id} (${kind}) of session ${session}.`;
    this.#options.report(
      error instanceof SessionsError ? error : new SessionsError(fault?.code ?? "internal", where, { cause: error }),
    );
    return { outcome: refused({ code: "failed" }), stored: null };
  }

  /** Starts, hooks, limits and the move to the archive are decided in a transaction. */
  #needsTransaction({ advanced, served }: Extract<Judgement, { settled: false }>): boolean {
    const { session, change } = advanced;
    return session.status !== "active" || (change?.kind === "submit" && served.handlerOf(change.step) !== undefined);
  }

  /** Writes a plain command by compare-and-set. Null when another writer came first. */
  async #write(
    owner: string,
    stored: Stored,
    command: Command,
    { advanced }: Extract<Judgement, { settled: false }>,
  ): Promise<Decided | null> {
    const next = follow(stored, advanced.session, advanced.change, command);
    const made = await this.#committer.commit({
      key: `${owner} ${command.session}`,
      owner,
      ...next,
    });
    if (!made) return null;
    const { revision } = advanced.session;
    return { outcome: { outcome: "accepted", revision, replayed: false }, stored: next.stored };
  }

  /** One statement; elsewhere one-owner statements on one connection, sent together where the driver pipelines. */
  async #writeAll(writes: readonly Update[]): Promise<readonly boolean[]> {
    const { kind, updates } = this.#options;
    const [first, second] = writes;
    if (first !== undefined && second === undefined) return [await updates.writeOne(this.#db, first)];
    if (kind === "postgres") return updates.writeMany(this.#db, writes);
    return this.#db.connection().execute(async (connection) => {
      if (kind === "citus") {
        // All have been answered before the connection is another's.
        const sent = await Promise.allSettled(writes.map((write) => updates.writeOne(connection, write)));
        return sent.map((result) => {
          if (result.status === "rejected") throw result.reason;
          return result.value;
        });
      }
      const made: boolean[] = [];
      for (const write of writes) made.push(await updates.writeOne(connection, write));
      return made;
    });
  }

  async #noteDevice(owner: string, device: Device): Promise<void> {
    const key = `${device.id} ${owner}`;
    if (this.#noted.get(key) === device.name) return;
    await noteDevice(this.#db, owner, device, this.#iso());
    this.#noted.set(key, device.name);
  }

  #iso(): string {
    return new Date(this.#options.now()).toISOString();
  }
}

function isBusy(outcome: Outcome): boolean {
  return outcome.outcome === "refused" && outcome.refusal.code === "busy";
}

/** Waits for all, so that none is left running, and then throws the first error there was. */
async function settleAll(work: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(work)) {
    if (result.status === "rejected") throw result.reason;
  }
}
