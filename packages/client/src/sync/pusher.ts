import { type AnyFlow, type Command, type Device, type PushReply, type Refusal } from "@sessions/core";
import { answerOf, isBlocking, type Answer } from "./answer.ts";
import { emptyBatch, fill, type Batch } from "./batch.ts";
import { backoffMs, TimeoutError, type Environment } from "../environment.ts";
import { createIsolation } from "./isolation.ts";
import type { Connection } from "./connection.ts";
import { emptyRecord } from "../record/record.ts";
import { PUSH_MS, type Api } from "./api.ts";
import { applyReply, busyMsOf } from "../record/reply.ts";
import type { Store } from "../store/store.ts";

/** How long to leave alone what needs another version of client or server, in milliseconds. */
const OUTDATED_MS = 60_000;

/** How much a request has besides its commands at most, in bytes: whose it is, and from which device. */
const ENVELOPE_BYTES = 2_000;

/** How little a batch may weigh on the slowest line, in bytes. */
const LEAST_BYTES = 2_000;

/** So many failures in a row look like a bad moment; then something is what fails. */
const MOMENTS = 2;

/** When to send again what took effect in a session for which the reply had no room, in milliseconds. */
const UNTOLD_MS = 1_000;

/** How long a server's wish to be left alone is respected, in milliseconds. */
const LONGEST_WISH_MS = 300_000;

export interface PusherOptions {
  readonly flows: ReadonlyMap<string, AnyFlow>;
  readonly store: Store;
  readonly api: Api;
  readonly connection: Connection;
  readonly environment: Environment;
  readonly device: () => Device;
  /** How much one push may weigh, in bytes: hosts limit the bodies that they read. */
  readonly maxPushBytes: number;
  /** Whether it is this tab's turn. */
  readonly isLeader: () => boolean;
  /** Something failed, or nothing is left to send, by which it would be heard whether the server is there: asks. */
  readonly askServer: () => void;
}

/**
 * Sends what is local to the server, one push at a time, until nothing is left. What fails again and again is narrowed
 * to the session and the command that cause it, while all others go on.
 */
export interface Pusher {
  /** There is something to send. While a retry is due anyway, that one takes it along. */
  wake(drafts: boolean): void;
  /** The connection may be back: tries at once whatever failed before. */
  retry(): void;
  close(): void;
}

export function createPusher(options: PusherOptions): Pusher {
  const { flows, store, api, connection, environment, device, isLeader, askServer } = options;
  const outdated = new Set<string>();
  // The server is ahead of this page: whatever it took, only another page can be told.
  const newerOnServer = new Set<string>();
  const isolation = createIsolation(environment, () => wake(true));
  let ceiling = Math.max(LEAST_BYTES, options.maxPushBytes - ENVELOPE_BYTES);
  // What gets through in time.
  let budget = ceiling;
  let cancelOutdated: (() => void) | undefined;
  let cancelRetry: (() => void) | undefined;
  let failures = 0;
  let running = false;
  // Whether what is under way was asked to go on, whatever becomes of it.
  let hurried = false;
  let draftsWanted = false;
  let closed = false;

  function wake(drafts: boolean): void {
    draftsWanted ||= drafts;
    if (connection.isSignedOut && !drafts) askServer();
    if (!running && cancelRetry === undefined && !connection.isSignedOut) void run();
  }

  async function run(): Promise<void> {
    running = true;
    try {
      while (!closed && store.loaded && isLeader()) {
        const batch = collect();
        if (batch.waits) void store.written().then(() => wake(false));
        if (batch.commands.length === 0 && !connection.state.up) askServer();
        hurried = false;
        if (batch.commands.length === 0 || !((await push(batch)) || hurried)) break;
      }
    } finally {
      running = false;
    }
    if (!closed && isLeader()) isolation.wait();
  }

  /** What is isolated comes after everything else. */
  function collect(): Batch {
    const given = { records: store.records, flows, maxBytes: budget, isSendable: store.isSendable, id: environment.id };
    const batch = emptyBatch();
    const withDrafts = draftsWanted;
    for (const session of store.records.keys()) {
      if (isolation.has(session) || !isReadable(session)) continue;
      fill(batch, session, given, { withDrafts, atMost: Infinity });
      if (batch.full) break;
    }
    draftsWanted = withDrafts && (batch.full || batch.waits);
    if (batch.commands.length > 0) return batch;
    for (const { session, atMost } of isolation.next()) {
      if (isReadable(session)) fill(batch, session, given, { withDrafts: true, atMost });
      if (batch.commands.length === 0) isolation.release(session);
    }
    return batch;
  }

  /** What is of another version, a tab of that version sends. */
  function isReadable(session: string): boolean {
    const { flow, version } = store.records.get(session) ?? emptyRecord;
    return version === flows.get(flow)?.version && !outdated.has(session) && !newerOnServer.has(session);
  }

  async function push(batch: Batch): Promise<boolean> {
    const { commands, bytes } = batch;
    let reply;
    const sinceMs = environment.elapsed();
    try {
      // One alone has as long as it needs at 8 kbit/s.
      reply = await api.push(commands, commands.length > 1 ? PUSH_MS : PUSH_MS + bytes);
      if (reply.outcomes.length !== commands.length) throw new Error("Not an outcome for each command.");
    } catch (error) {
      return !closed && (await failed(error, batch));
    }
    failures = 0;
    connection.heard(reply.now);
    // Twice as much would be in time, too.
    if (bytes > budget / 2 && environment.elapsed() - sinceMs < PUSH_MS / 3) budget = Math.min(ceiling, budget * 2);
    isolation.passed(commands);
    return settle(batch, reply);
  }

  function settle({ commands, drafts }: Batch, reply: PushReply): boolean {
    const outcomes = new Map(commands.map(({ id }, index) => [id, reply.outcomes[index]!]));
    const snapshots = new Map(reply.snapshots.map((snapshot) => [snapshot.id, snapshot]));
    let untold = false;
    for (const session of new Set(commands.map((command) => command.session))) {
      const answer = { snapshot: snapshots.get(session), outcomes, drafts: drafts.get(session) ?? new Map() };
      const flow = flows.get(store.records.get(session)?.flow ?? "");
      if (flow === undefined) continue;
      const isUntold = ({ id, session: of }: Command) => of === session && outcomes.get(id)!.outcome === "accepted";
      // There was no room for its session: what the screen shows would go back. Sent again, it is told.
      if (answer.snapshot === undefined && commands.some(isUntold)) {
        untold = true;
        continue;
      }
      try {
        void store.change(session, applyReply(answer, { flow, device: device(), nowMs: connection.now() }));
      } catch {
        // The flow's own code threw: the others are not held up.
        leaveAlone(session);
      }
      if ((snapshots.get(session)?.version ?? 0) > flow.version) newerOnServer.add(session);
      else if (store.records.get(session)?.outdated) leaveAlone(session);
    }
    // What was refused is in its form again, and nobody types it.
    draftsWanted ||= untold || reply.outcomes.some(({ outcome }) => outcome === "refused");
    const busyMs = reply.outcomes
      .map((outcome) => busyMsOf(outcome) ?? 0)
      .reduce((left, right) => Math.max(left, right), untold ? UNTOLD_MS : 0);
    if (busyMs === 0) return true;
    retryIn(busyMs);
    return false;
  }

  /** Whether to go on at once. */
  async function failed(error: unknown, batch: Batch): Promise<boolean> {
    const { commands, bytes } = batch;
    const answer = answerOf(error);
    const isLate = error instanceof TimeoutError;
    failures += 1;
    draftsWanted = true;
    // It may be there for all that, or tell who is signed in.
    askServer();
    if (connection.isSignedOut) return false;

    const wishMs = Math.min(answer?.retryAfterMs ?? 0, LONGEST_WISH_MS);
    // Of what is known to fail by itself the wish is no word about the rest.
    const isAlone = isolation.isAlone(commands);
    if (wishMs > 0 && !isAlone && failures <= MOMENTS) return later(wishMs);
    const isTooLarge = answer?.status === 413;
    if ((isLate || isTooLarge) && commands.length > 1) {
      budget = Math.max(LEAST_BYTES, Math.floor(Math.min(budget, bytes) / 2));
      if (isTooLarge) ceiling = budget;
      if (budget < bytes) return later(isLate ? backoffMs(failures, environment) : 0);
    }
    const isAnswered = answer !== undefined && answer.status !== 429;
    if (!isAnswered && wishMs === 0 && failures <= MOMENTS) return later(backoffMs(failures, environment));

    const culprit = isolation.narrow(commands, wishMs);
    if (culprit !== undefined && answer !== undefined) {
      const refusal = refusalOf(culprit, answer, bytes);
      if (refusal !== undefined && (isTooLarge || (await getsThrough()))) tell(batch, culprit, refusal);
    }
    if (wishMs > 0 && !isAlone) return later(wishMs);
    // What is not isolated goes on.
    if (failures > MOMENTS) isolation.rest(backoffMs(failures - MOMENTS, environment));
    return true;
  }

  /** What an answer means that stays the same for this command alone; undefined while it may change. */
  function refusalOf({ session }: Command, answer: Answer, bytes: number): Refusal | undefined {
    const { status } = answer;
    if (status === 413) return { code: "too_large", atMost: bytes - 1 };
    return isBlocking(answer) && isolation.failuresOf(session) > MOMENTS ? { code: "blocked", status } : undefined;
  }

  /** Whether a push without anything is let in: else it is not the command that is refused. */
  function getsThrough(): Promise<boolean> {
    return api.push([]).then(
      () => true,
      () => false,
    );
  }

  function tell({ drafts }: Batch, { id, session }: Command, refusal: Refusal): void {
    const flow = flows.get(store.records.get(session)?.flow ?? "");
    if (flow === undefined) return;
    const outcomes = new Map([[id, { outcome: "refused", refusal } as const]]);
    const answer = { snapshot: undefined, outcomes, drafts: drafts.get(session) ?? new Map() };
    failures = 0;
    isolation.release(session);
    void store.change(session, applyReply(answer, { flow, device: device(), nowMs: connection.now() }));
  }

  function later(ms: number): boolean {
    if (ms === 0) return true;
    retryIn(ms);
    return false;
  }

  function retryIn(ms: number): void {
    cancelRetry?.();
    cancelRetry = environment.after(ms, () => {
      cancelRetry = undefined;
      wake(false);
    });
  }

  function leaveAlone(session: string): void {
    outdated.add(session);
    cancelOutdated ??= environment.after(OUTDATED_MS, () => {
      cancelOutdated = undefined;
      outdated.clear();
      wake(true);
    });
  }

  return {
    wake,
    retry() {
      cancelRetry?.();
      cancelRetry = undefined;
      failures = 0;
      outdated.clear();
      isolation.hurry();
      draftsWanted = true;
      hurried = true;
      if (!running) void run();
    },
    close() {
      closed = true;
      cancelRetry?.();
      cancelOutdated?.();
      isolation.close();
    },
  };
}
