import { setTimeout } from "node:timers/promises";
import type { Kysely } from "kysely";
import { LRUCache } from "lru-cache";
import {
  atTime,
  createParser,
  PROTOCOL_VERSION,
  SessionsError,
  type Command,
  type Device,
  type DraftCommand,
  type Outcome,
  type PushReply,
  type PushRequest,
  type Snapshot,
} from "@sessions/core";
import type { Allowance } from "../reads/allowance.ts";
import type { Notice } from "../../bus/bus.ts";
import { SessionCache } from "./cache.ts";
import { Committer, QueueFull, type Write } from "../../postgres/committer.ts";
import { decide, type FlowContext, type Decided, type Judging } from "./decision.ts";
import { excessOf, sorted, turnsOf, type Placed } from "./intake.ts";
import { judge, refused, type Judgement } from "./judgement.ts";
import { inLanes } from "../../lanes.ts";
import { OwnerCount } from "./owner-count.ts";
import { databaseFault, isDataError, isTimedOut, isTransient, type EngineKind } from "../../postgres/database.ts";
import { TurnTimedOut } from "../../postgres/connection/keyed-queue.ts";
import type { OwnerShares } from "../../postgres/connection/owner-shares.ts";
import { noteDevice } from "../../postgres/owner.ts";
import type { Partitions } from "../../postgres/partitions.ts";
import type { Tables } from "../../postgres/tables.ts";
import type { Update } from "../rows/updates.ts";
import type { Reader } from "../reads/reader.ts";
import { Processor } from "./processor.ts";
import { NO_RECEIPTS } from "../rows/receipts.ts";
import { ReplyRoom } from "./reply-room.ts";
import { nextStored, type Stored } from "../rows/stored.ts";
import type { Telemetry } from "../../telemetry.ts";

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

/** How many sessions of one push are worked on at once. */
const PUSH_LANES = 4;

/** When a push that was turned away may be sent again, in milliseconds. */
const RETRY_AFTER_MS = 1_000;

/** How often a device's last sighting is written, in milliseconds. */
const DEVICE_NOTE_MS = 3_600_000;

const awayFor = (retryAfterMs: number): Decided => ({
  outcome: refused({ code: "busy", retryAfterMs }),
  stored: null,
});
const overloaded = awayFor(RETRY_AFTER_MS);

export interface EngineOptions extends FlowContext {
  readonly kind: EngineKind;
  readonly partitions: Partitions;
  /** How much memory the sessions that are remembered may take, roughly. */
  readonly cacheBytes: number;
  /** Called after the commit, with the session as it is now. */
  readonly publish: (owner: string, snapshot: Snapshot) => void;
  readonly reader: Reader;
  readonly shares: OwnerShares;
  readonly allowance: Allowance;
  readonly telemetry: Telemetry;
}

/** What happens to commands, once somebody has said whose they are. */
export class Engine {
  readonly #options: EngineOptions;
  readonly #db: Kysely<Tables>;
  readonly #cache: SessionCache;
  readonly #committer: Committer<Update & Write>;
  readonly #processor = new Processor();
  #underWay = 0;
  /** How many of an owner's commands are under way. */
  readonly #ofOwner = new OwnerCount();
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

  /**
   * Takes commands in their order; those of different sessions do not wait for one another. `batch`: what all pushes
   * that are answered together share.
   */
  push(owner: string, request: PushRequest, batch: object): Promise<PushReply> {
    const attributes = { "sessions.commands": request.commands.length };
    return this.#options.telemetry.span("sessions.push", attributes, () => this.#push(owner, request, batch));
  }

  async #push(owner: string, { protocol, device, commands }: PushRequest, batch: object): Promise<PushReply> {
    const { bounds, telemetry } = this.#options;
    const refusedAtOnce = (outcome: Outcome, outcomes = commands.map(() => outcome)) => {
      telemetry.outcome("unread", outcome, commands.length);
      return { now: this.#iso(), outcomes, snapshots: [] };
    };
    const excess = excessOf(commands, bounds);
    if (excess !== null) return refusedAtOnce(refused(excess), [refused(excess)]);
    if (protocol !== PROTOCOL_VERSION) {
      return refusedAtOnce(refused({ code: "outdated", given: protocol, current: PROTOCOL_VERSION }));
    }
    const isFull =
      this.#underWay + commands.length > MAX_UNDER_WAY ||
      this.#ofOwner.of(owner) + commands.length > bounds.ownerCommands;
    if (isFull) return refusedAtOnce(overloaded.outcome);
    this.#underWay += commands.length;
    this.#ofOwner.add(owner, commands.length);
    try {
      return await this.#takeAll(owner, device, commands, batch);
    } finally {
      this.#underWay -= commands.length;
      this.#ofOwner.add(owner, -commands.length);
    }
  }

  async #takeAll(owner: string, device: Device, commands: readonly unknown[], batch: object): Promise<PushReply> {
    const { telemetry, reader, now, bounds, allowance } = this.#options;
    const outcomes: Outcome[] = [];
    const { bySession, malformed } = await sorted(commands, (work) => this.#processor.run(owner, work));
    for (const [index, outcome] of malformed) {
      outcomes[index] = outcome;
      telemetry.outcome("malformed", outcome);
    }

    const snapshots: Snapshot[] = [];
    const room = new ReplyRoom(bounds.pageBytes);
    const tell = (told: object, first = false): boolean => {
      const bytes = room.take(told, first);
      if (bytes !== null) allowance.take(owner, bytes, batch);
      return bytes !== null;
    };
    const outOfAllowance = (): Decided | undefined => {
      const waitMs = allowance.waitMs(owner, batch);
      return waitMs > 0 ? awayFor(Math.max(waitMs, RETRY_AFTER_MS)) : undefined;
    };
    const turnedAwayNow = () => (room.isFull ? overloaded : outOfAllowance());
    const takeAll = async (session: string, placed: readonly Placed[]) => {
      let stored: Stored | undefined;
      // What the reply has no room for comes again.
      let busy = turnedAwayNow();
      for (const turn of turnsOf(placed)) {
        // What depends on a command that was turned away is turned away with it, to come again in its order.
        const decided = busy
          ? turn.map(() => busy!)
          : await this.#takeTurn(owner, device, turn, stored).catch((error: unknown) =>
              turn.map(({ command }) => this.#failed(command, error)),
            );
        for (const [nth, { index, command }] of turn.entries()) {
          const { outcome } = decided[nth]!;
          // A refusal has changed nothing, and may quote as much as a step holds.
          const isLeft = outcome.outcome === "refused" && !isBusy(outcome) && !tell(outcome);
          outcomes[index] = isLeft ? overloaded.outcome : outcome;
          telemetry.outcome(command.kind, outcomes[index]);
        }
        busy = turn.some(({ index }) => isBusy(outcomes[index]!)) ? overloaded : turnedAwayNow();
        // One that was turned away has changed nothing: what was written before it is told.
        const taken = decided.filter(({ outcome }) => !isBusy(outcome)).at(-1);
        if (taken !== undefined) stored = taken.stored ?? undefined;
      }
      // What was just written is told as it is, unless its deadline has passed since.
      const written = stored && atTime(stored.snapshot, now()) === stored.snapshot ? stored.snapshot : null;
      // Whoever is turned away costs the database nothing.
      const told = written ?? (busy ? null : await reader.read(owner, session));
      if (told === null) return;
      // Others took what was left meanwhile. What changed nothing is asked again; what did stands, and its session is
      // told when it is sent again.
      const isNews = placed.some(({ index }) => isNew(outcomes[index]!));
      const late = isNews ? undefined : outOfAllowance();
      if (late === undefined && tell(told, snapshots.length === 0)) snapshots.push(told);
      else if (!isNews) for (const { index } of placed) outcomes[index] = (late ?? overloaded).outcome;
    };
    await inLanes(bySession, PUSH_LANES, ([session, placed]) => takeAll(session, placed));
    if (outcomes.some(isNew)) await this.#noteDevice(owner, device);
    return { now: this.#iso(), outcomes, snapshots };
  }

  /** Another node has changed a session: what is remembered of it is old. Undefined: any may be. */
  forget(notice: Notice | undefined): void {
    if (notice === undefined) this.#cache.clear();
    else this.#cache.dropOlder(notice.owner, notice.session, notice.revision);
  }

  async #takeTurn(
    owner: string,
    device: Device,
    turn: readonly [Placed, ...Placed[]],
    before: Stored | undefined,
  ): Promise<readonly Decided[]> {
    const commands = turn.map(({ command }) => command);
    const drafts = turn.length > 1 ? (commands as DraftCommand[]) : [];
    const together =
      drafts.length > 0
        ? await this.#takeDrafts(owner, device, drafts, before).catch((error: unknown) => {
            if (!isTurnedAway(error)) throw error;
            return drafts.map(() => overloaded);
          })
        : null;
    if (together !== null) return together;
    const decided: Decided[] = [];
    for (const command of commands) {
      const last = decided.at(-1);
      const isHeld = last !== undefined && isBusy(last.outcome);
      const after = last ? (last.stored ?? undefined) : before;
      decided.push(isHeld ? overloaded : await this.#takeOne(owner, device, command, after));
    }
    return decided;
  }

  async #takeOne(owner: string, device: Device, command: Command, before: Stored | undefined): Promise<Decided> {
    try {
      return await this.#take(owner, device, command, before);
    } catch (error) {
      if (!isTurnedAway(error)) throw error;
      return overloaded;
    }
  }

  /**
   * Drafts of one session, each judged on what the one before made of it, and written together, as one revision: a
   * hundred small ones must not write a large session a hundred times. Null when they are to be taken one by one.
   */
  async #takeDrafts(
    owner: string,
    device: Device,
    drafts: readonly DraftCommand[],
    before: Stored | undefined,
  ): Promise<readonly Decided[] | null> {
    const { flows, now, partitions, publish, reader, report } = this.#options;
    let stored: Stored | null | undefined = before ?? this.#cache.get(owner, drafts[0]!.session);
    this.#options.telemetry.lookUp(stored !== undefined);
    let fresh = false;
    for (let attempt = 1; attempt <= MAX_RACES; attempt += 1) {
      if (stored === undefined) {
        stored = await reader.load(owner, drafts[0]!.session);
        fresh = true;
      }
      const base: Stored | null = stored;
      const nowMs = now();
      let session: Stored | null = base;
      const judgeNext = (draft: DraftCommand) => {
        const judgement = judge(flows, session, draft, { nowMs, device });
        if (judgement.settled) return { judgement, made: null, outcome: judgement.outcome };
        const advanced = nextStored(session, judgement.advanced.session, judgement.advanced.change, draft);
        const revision = base!.snapshot.revision + 1;
        const made = {
          ...advanced,
          stored: { ...advanced.stored, snapshot: { ...advanced.stored.snapshot, revision } },
        };
        // The first makes the revision, and the others are in it.
        const replayed = session !== base;
        session = made.stored;
        return { judgement, made, outcome: { outcome: "accepted", revision, replayed } satisfies Outcome };
      };
      const judged: ReturnType<typeof judgeNext>[] = [];
      for (const draft of drafts) judged.push(await this.#processor.run(owner, () => judgeNext(draft)));
      stored = undefined;
      // What is remembered may be old: an outcome is told only from what the database holds now.
      if (!fresh && judged.some(({ judgement }) => judgement.settled)) continue;
      const after: Stored | null = session;
      if (base !== null && after !== null && after !== base) {
        await partitions.ensure(nowMs);
        try {
          // The first of them may have lifted the session.
          const entry = judged.find(({ made }) => made?.entry)?.made?.entry ?? null;
          const update = { owner, stored: after, entry, receipt: NO_RECEIPTS };
          if (!(await this.#committer.commit({ key: `${owner} ${after.snapshot.id}`, ...update }))) continue;
        } catch (error) {
          if (isTransient(error)) continue;
          if (isDataError(error)) return null;
          throw error;
        }
      }
      if (after !== null && judged.some(({ outcome }) => outcome.outcome === "accepted")) {
        this.#cache.put(owner, after);
        publish(owner, after.snapshot);
      }
      for (const { judgement } of judged) if (judgement.settled && judgement.fault) report(judgement.fault);
      return judged.map(({ outcome }) => ({ outcome, stored: after }));
    }
    return null;
  }

  #judged(stored: Stored | null, command: Command, given: Judging) {
    const nowMs = this.#options.now();
    return { nowMs, judgement: judge(this.#options.flows, stored, command, { nowMs, ...given }) };
  }

  async #take(owner: string, device: Device, command: Command, before: Stored | undefined): Promise<Decided> {
    let stored: Stored | null | undefined = before ?? this.#cache.get(owner, command.session);
    this.#options.telemetry.lookUp(stored !== undefined);
    let fresh = false;
    const given = { device, parse: createParser() };
    for (let attempt = 1; ; attempt += 1) {
      if (stored === undefined) {
        const found: Stored | null = await this.#options.reader.load(owner, command.session);
        if (found !== null) this.#cache.put(owner, found);
        stored = found;
        fresh = true;
      }
      const { nowMs, judgement } = await this.#processor.run(owner, () => this.#judged(stored ?? null, command, given));
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
            ? await decide(this.#options, owner, given, command, judgement.served)
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
    const next = nextStored(stored, advanced.session, advanced.change, command);
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
    await noteDevice(this.#db, owner, device, this.#iso(), this.#options.bounds.ownerDevices);
    this.#noted.set(key, device.name);
  }

  #iso(): string {
    return new Date(this.#options.now()).toISOString();
  }
}

/** Nothing was written: there was no room, it was not its turn yet, or another's lock did not come free in time. */
function isTurnedAway(error: unknown): boolean {
  return error instanceof QueueFull || error instanceof TurnTimedOut || isTimedOut(error);
}

function isNew(outcome: Outcome): boolean {
  return outcome.outcome === "accepted" && !outcome.replayed;
}

function isBusy(outcome: Outcome): boolean {
  return outcome.outcome === "refused" && outcome.refusal.code === "busy";
}
