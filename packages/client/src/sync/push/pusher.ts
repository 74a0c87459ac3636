import type { AnyFlow, Command, Device, PushReply } from "@sessions/core/internal";
import type { Environment } from "../../environment.ts";
import { busyMsOf } from "../../record/reply.ts";
import type { Store } from "../../store/store.ts";
import { PUSH_MS, type Api } from "../api.ts";
import { emptyBatch, fill, type Batch } from "./batch.ts";
import { createBisection } from "./bisection.ts";
import type { Connection } from "../connection.ts";
import { createPushFailures } from "./push-failures.ts";
import { createPushSize } from "./push-size.ts";
import { createReplies } from "./replies.ts";
import type { Tabs } from "../tabs/tabs.ts";
import { createTimer } from "../timer.ts";

/** When to send an accepted command again, in milliseconds, because the reply had no room for its session. */
const NO_ROOM_MS = 1_000;

export interface PusherOptions {
  readonly flows: ReadonlyMap<string, AnyFlow>;
  readonly store: Pick<Store, "records" | "loaded" | "isSendable" | "written" | "change">;
  readonly api: Api;
  readonly connection: Connection;
  readonly environment: Environment;
  readonly device: () => Device;
  /** How much one push may weigh, in bytes: hosts limit the bodies that they read. */
  readonly maxPushBytes: number;
  readonly isOpen: () => boolean;
  readonly tabs: Pick<Tabs, "isLeader">;
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
  const { store, api, connection, environment, tabs, isOpen, askServer } = options;
  const wakeWithDrafts = () => wake(true);
  const size = createPushSize(options.maxPushBytes);
  const bisection = createBisection(environment, wakeWithDrafts);
  const replies = createReplies(options, wakeWithDrafts);
  const failures = createPushFailures(api, environment, bisection, size, replies.apply);
  const retrial = createTimer(environment);
  let running = false;
  // Whether to push again after the push in flight, even if it fails.
  let mustGoOn = false;
  let draftsWanted = false;

  function wake(drafts: boolean): void {
    draftsWanted ||= drafts;
    if (connection.state.signedOut && !drafts) askServer();
    if (!running && !retrial.isSet && !connection.state.signedOut) void run();
  }

  async function run(): Promise<void> {
    running = true;
    try {
      while (isOpen() && store.loaded && tabs.isLeader) {
        const batch = collect();
        if (batch.waits) void store.written().then(() => wake(false));
        if (batch.commands.length === 0 && !connection.state.up) askServer();
        mustGoOn = false;
        if (batch.commands.length === 0 || !((await push(batch)) || mustGoOn)) break;
      }
    } finally {
      running = false;
    }
    if (isOpen() && tabs.isLeader) bisection.wait();
  }

  /** Suspects come after all other sessions. */
  function collect(): Batch {
    const given = { store, maxBytes: size.maxBytes, id: environment.id };
    const batch = emptyBatch();
    const withDrafts = draftsWanted;
    for (const session of store.records.keys()) {
      if (bisection.has(session) || !replies.isReadable(session)) continue;
      fill(batch, session, given, { withDrafts, atMost: Infinity });
      if (batch.full) break;
    }
    draftsWanted = withDrafts && (batch.full || batch.waits);
    if (batch.commands.length > 0) return batch;
    for (const { session, atMost } of bisection.next()) {
      if (replies.isReadable(session)) fill(batch, session, given, { withDrafts: true, atMost });
      if (batch.commands.length === 0) bisection.release(session);
    }
    return batch;
  }

  /** Returns whether to go on at once. */
  async function push(batch: Batch): Promise<boolean> {
    const { commands, bytes } = batch;
    let reply;
    const sinceMs = environment.elapsed();
    try {
      // A single command has as long as it needs at 8 kbit/s.
      reply = await api.push(commands, commands.length > 1 ? PUSH_MS : PUSH_MS + bytes);
      if (reply.outcomes.length !== commands.length) throw new Error("Not the router's.");
    } catch (error) {
      return isOpen() && (await goOnAfter(error, batch));
    }
    failures.reset();
    connection.heard(reply.now);
    size.passed(bytes, environment.elapsed() - sinceMs);
    bisection.passed(commands);
    return settle(commands, reply);
  }

  function settle(commands: readonly Command[], reply: PushReply): boolean {
    const lacksSnapshot = replies.apply(commands, reply);
    // A refused input is a draft again, and nobody types it.
    draftsWanted ||= lacksSnapshot || reply.outcomes.some(({ status }) => status === "refused");
    return goOnIn(Math.max(lacksSnapshot ? NO_ROOM_MS : 0, ...reply.outcomes.map(busyMsOf)));
  }

  async function goOnAfter(error: unknown, batch: Batch): Promise<boolean> {
    draftsWanted = true;
    // The server may still be reached, and may say who is signed in.
    askServer();
    if (connection.state.signedOut) return false;
    return goOnIn(await failures.after(error, batch));
  }

  /** Goes on after so long. Returns true if it goes on at once. */
  function goOnIn(ms: number): boolean {
    if (ms > 0 && isOpen()) retrial.set(ms, () => wake(false));
    return ms === 0;
  }

  return {
    wake,
    retry() {
      retrial.clear();
      failures.reset();
      replies.hurry();
      bisection.hurry();
      draftsWanted = true;
      mustGoOn = true;
      if (!running) void run();
    },
    close() {
      retrial.clear();
      replies.close();
      bisection.close();
    },
  };
}
