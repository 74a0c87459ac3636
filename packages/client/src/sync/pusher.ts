import { type AnyFlow, type Command, type Device, type PushReply, type Refusal } from "@sessions/core";
import { answerOf, isBlocking, type Answer } from "./http/answer.ts";
import { emptyBatch, fill, type Batch } from "./batch.ts";
import { backoffMs, TimeoutError, type Environment } from "../environment.ts";
import { createIsolation } from "./isolation.ts";
import type { Connection } from "./connection.ts";
import { emptyRecord } from "../record/record.ts";
import { PUSH_MS, type Api } from "./api.ts";
import { applyReply, busyMsOf } from "../record/reply.ts";
import { createTimers } from "./timers.ts";
import type { Store } from "../store/store.ts";

/** How long to wait, in milliseconds, with a session that needs another version of client or server. */
const OUTDATED_MS = 60_000;

/** How much a request has besides its commands at most, in bytes: whose it is, and from which device. */
const ENVELOPE_BYTES = 2_000;

/** How little a batch may weigh on the slowest line, in bytes. */
const LEAST_BYTES = 2_000;

/** After so many failures of one command alone, a minute or more, a proxy's 500 or 429 is no bad moment any more. */
const STUBBORN_FAILURES = 8;

/** So many failures in a row may be a bad moment. After them the pusher looks for the command that fails. */
const BAD_MOMENTS = 2;

/** When to send an accepted command again, in milliseconds, because the reply had no room for its session. */
const NO_ROOM_MS = 1_000;

/** The longest time, in milliseconds, for which the pusher obeys a server's `retry-after`. */
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
  /** Asks whether the server can be reached: a push has failed, or nothing is left to send. */
  readonly askServer: () => void;
}

/**
 * Sends local commands and drafts to the server, one push at a time, until nothing is left. If a push fails again and
 * again, the pusher finds the session and the command that cause it, and goes on with all others.
 */
export interface Pusher {
  /** There is something to send. If a retry is due anyway, the retry sends it. */
  wake(drafts: boolean): void;
  /** The connection may be back: tries everything again at once. */
  retry(): void;
  close(): void;
}

export function createPusher(options: PusherOptions): Pusher {
  const { flows, store, api, connection, environment, device, isLeader, askServer } = options;
  const outdated = new Set<string>();
  // The server has a newer version of these sessions: only a page of that version can apply its answers.
  const newerOnServer = new Set<string>();
  const isolation = createIsolation(environment, () => wake(true));
  let ceiling = Math.max(LEAST_BYTES, options.maxPushBytes - ENVELOPE_BYTES);
  // How much gets through in time.
  let budget = ceiling;
  const { set, has, clear } = createTimers<"outdated" | "retry">(environment, () => closed);
  let failures = 0;
  let running = false;
  // Whether to push again after the push in flight, even if it fails.
  let mustGoOn = false;
  let draftsWanted = false;
  let closed = false;

  function wake(drafts: boolean): void {
    draftsWanted ||= drafts;
    if (connection.isSignedOut && !drafts) askServer();
    if (!running && !has("retry") && !connection.isSignedOut) void run();
  }

  async function run(): Promise<void> {
    running = true;
    try {
      while (!closed && store.loaded && isLeader()) {
        const batch = collect();
        if (batch.waits) void store.written().then(() => wake(false));
        if (batch.commands.length === 0 && !connection.state.up) askServer();
        mustGoOn = false;
        if (batch.commands.length === 0 || !((await push(batch)) || mustGoOn)) break;
      }
    } finally {
      running = false;
    }
    if (!closed && isLeader()) isolation.wait();
  }

  /** Isolated sessions come after all others. */
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

  /** A tab of another version sends the sessions of that version. */
  function isReadable(session: string): boolean {
    const { flow, version } = store.records.get(session) ?? emptyRecord;
    return version === flows.get(flow)?.version && !outdated.has(session) && !newerOnServer.has(session);
  }

  async function push(batch: Batch): Promise<boolean> {
    const { commands, bytes } = batch;
    let reply;
    const sinceMs = environment.elapsed();
    try {
      // A single command has as long as it needs at 8 kbit/s.
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

  /** Applies an answer to a session's record. The flow's own code may throw. */
  function apply(session: string, flow: AnyFlow, answer: Parameters<typeof applyReply>[0]): void {
    void store.change(session, applyReply(answer, { flow, device: device(), nowMs: connection.now() }));
  }

  const flowOf = (session: string) => flows.get(store.records.get(session)?.flow ?? "");

  function settle({ commands, drafts }: Batch, reply: PushReply): boolean {
    const outcomes = new Map(commands.map(({ id }, index) => [id, reply.outcomes[index]!]));
    const snapshots = new Map(reply.snapshots.map((snapshot) => [snapshot.id, snapshot]));
    let lacksSnapshot = false;
    for (const session of new Set(commands.map((command) => command.session))) {
      const answer = { snapshot: snapshots.get(session), outcomes, drafts: drafts.get(session) ?? new Map() };
      const flow = flowOf(session);
      if (flow === undefined) continue;
      const isAccepted = ({ id, session: of }: Command) => of === session && outcomes.get(id)!.outcome === "accepted";
      // The reply had no room for the session, and the screen would go back. Sent again, the command brings it.
      if (answer.snapshot === undefined && commands.some(isAccepted)) {
        lacksSnapshot = true;
        continue;
      }
      try {
        apply(session, flow, answer);
      } catch {
        // The flow's own code threw. Other sessions go on.
        leaveAlone(session);
      }
      if ((snapshots.get(session)?.version ?? 0) > flow.version) newerOnServer.add(session);
      else if (store.records.get(session)?.outdated) leaveAlone(session);
    }
    // A refused input is a draft again, and nobody types it.
    draftsWanted ||= lacksSnapshot || reply.outcomes.some(({ outcome }) => outcome === "refused");
    const busyMs = reply.outcomes
      .map((outcome) => busyMsOf(outcome) ?? 0)
      .reduce((left, right) => Math.max(left, right), lacksSnapshot ? NO_ROOM_MS : 0);
    return later(busyMs);
  }

  /** Whether to go on at once. */
  async function failed(error: unknown, batch: Batch): Promise<boolean> {
    const { commands, bytes } = batch;
    const answer = answerOf(error);
    const isLate = error instanceof TimeoutError;
    failures += 1;
    draftsWanted = true;
    // The server may still be reached, and may say who is signed in.
    askServer();
    if (connection.isSignedOut) return false;

    const wishMs = Math.min(answer?.retryAfterMs ?? 0, LONGEST_WISH_MS);
    // If the session is known to fail by itself, the wish says nothing about the others.
    const isAlone = isolation.isAlone(commands);
    if (wishMs > 0 && !isAlone && failures <= BAD_MOMENTS) return later(wishMs);
    const isTooLarge = answer?.status === 413;
    if ((isLate || isTooLarge) && commands.length > 1) {
      budget = Math.max(LEAST_BYTES, Math.floor(Math.min(budget, bytes) / 2));
      if (isTooLarge) ceiling = budget;
      if (budget < bytes) return later(isLate ? backoffMs(failures, environment) : 0);
    }
    const isAnswered = answer !== undefined && answer.status !== 429;
    if (!isAnswered && wishMs === 0 && failures <= BAD_MOMENTS) return later(backoffMs(failures, environment));

    const culprit = isolation.narrow(commands, wishMs);
    if (culprit !== undefined && answer !== undefined) {
      const refusal = refusalOf(culprit, answer, bytes);
      if (refusal !== undefined && (isTooLarge || ((await getsThrough()) && (await isUnknown(culprit)))))
        refuse(batch, culprit, refusal);
    }
    if (wishMs > 0 && !isAlone) return later(wishMs);
    // Sessions that are not isolated go on.
    if (failures > BAD_MOMENTS) isolation.rest(backoffMs(failures - BAD_MOMENTS, environment));
    return true;
  }

  /** The refusal of a command that fails alone and always in the same way; undefined while the answer may change. */
  function refusalOf({ session }: Command, answer: Answer, bytes: number): Refusal | undefined {
    const { status } = answer;
    if (status === 413) return { code: "too_large", atMost: bytes - 1 };
    const failures = isolation.failuresOf(session);
    const isBlocked = isBlocking(answer) ? failures > BAD_MOMENTS : !answer.isRouters && failures >= STUBBORN_FAILURES;
    return isBlocked ? { code: "blocked", status } : undefined;
  }

  /** Whether the server has no receipt of a command. A proxy may keep the replies alone from the page. */
  function isUnknown({ session, id: command }: Command): Promise<boolean> {
    return api.receipt({ session, command }).then(
      ({ outcome }) => outcome === null,
      () => false,
    );
  }

  /** Whether an empty push is let in. If not, the command is not the one that is refused. */
  function getsThrough(): Promise<boolean> {
    return api.push([]).then(
      () => true,
      () => false,
    );
  }

  function refuse({ drafts }: Batch, { id, session }: Command, refusal: Refusal): void {
    const flow = flowOf(session);
    if (flow === undefined) return;
    const outcomes = new Map([[id, { outcome: "refused", refusal } as const]]);
    failures = 0;
    isolation.release(session);
    apply(session, flow, { snapshot: undefined, outcomes, drafts: drafts.get(session) ?? new Map() });
  }

  /** Goes on after so long. Returns true if it goes on at once. */
  function later(ms: number): boolean {
    if (ms > 0) set("retry", ms, () => wake(false));
    return ms === 0;
  }

  function leaveAlone(session: string): void {
    outdated.add(session);
    if (has("outdated")) return;
    set("outdated", OUTDATED_MS, () => {
      outdated.clear();
      wake(true);
    });
  }

  return {
    wake,
    retry() {
      clear("retry");
      failures = 0;
      outdated.clear();
      isolation.hurry();
      draftsWanted = true;
      mustGoOn = true;
      if (!running) void run();
    },
    close() {
      closed = true;
      clear("retry", "outdated");
      isolation.close();
    },
  };
}
