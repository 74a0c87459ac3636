import type { Outcome, Refusal, Snapshot, SubmitCommand } from "@sessions/core/internal";
import { backoffMs, sleep, type Environment } from "../environment.ts";
import { busyMsOf } from "../record/reply.ts";
import { answerOf, BLOCKED_TRIES, isFinal } from "./http/answer.ts";
import { jsonBytes } from "./push/batch.ts";
import type { Api } from "./api.ts";
import type { Connection } from "./connection.ts";

/** How long a person waits for a `confirm` or `sensitive` step, in milliseconds. */
const PATIENCE_MS = 15_000;

/** How long one attempt may take, in milliseconds. */
const ATTEMPT_MS = 5_000;

/** After so long, in milliseconds, an attempt has reached the server or never will. A handler has ten seconds. */
const IN_FLIGHT_MS = 30_000;

/** The longest pause before the client asks for the receipt again, in milliseconds. */
const LONGEST_PAUSE_MS = 5_000;

/** What is known of a `confirm` or `sensitive` step. */
export interface ReceivedOutcome {
  readonly outcome: Outcome | { readonly status: "unknown" };
  readonly snapshot?: Snapshot | undefined;
}

const UNKNOWN: ReceivedOutcome = { outcome: { status: "unknown" } };

interface Server {
  readonly api: Api;
  readonly environment: Environment;
}

export function refuse(refusal: Refusal): ReceivedOutcome {
  return { outcome: { status: "refused", refusal } };
}

/**
 * Sends a `confirm` or `sensitive` step while the person waits. Every attempt has the same command id, so the step happens once at
 * most. If the server answers no attempt, the step's receipt decides. Without a receipt the outcome is `unknown`, and
 * nothing sends it again. Nothing is sent while the device is offline.
 */
export async function sendUntilAnswered(
  command: SubmitCommand,
  { api, connection, environment }: Server & { readonly connection: Connection },
): Promise<ReceivedOutcome> {
  const sinceMs = environment.now();
  const { session, id } = command;

  if (!connection.state.up) {
    // The stream may be broken while calls get through.
    const heard = await api.read(session, ATTEMPT_MS).catch(() => undefined);
    if (heard === undefined) return refuse({ code: "offline" });
    connection.heard(heard.now);
  }

  let blocked = 0;
  for (let failures = 1; passed(sinceMs, environment) < PATIENCE_MS; failures += 1) {
    let pauseMs = Math.min(2_000, backoffMs(failures, environment));
    try {
      const reply = await api.push([command], ATTEMPT_MS);
      connection.heard(reply.now);
      const [outcome] = reply.outcomes;
      const busyMs = outcome && busyMsOf(outcome);
      if (busyMs) pauseMs = busyMs;
      else if (outcome) return { outcome, snapshot: reply.snapshots.find((snapshot) => snapshot.id === session) };
    } catch (error) {
      // The stream tells whether the server can be reached.
      const { status = 0, isRouters, retryAfterMs = 0 } = answerOf(error) ?? {};
      if (status === 413) return refuse({ code: "too_large", atMost: jsonBytes(command) - 1 });
      // The router has looked at no attempt: nobody is signed in.
      if (isRouters && status === 401 && failures < 2) return refuse({ code: "offline" });
      blocked = !isRouters && isFinal(status) ? status : 0;
      if (blocked > 0 && failures === BLOCKED_TRIES) break;
      // The server's wish does not make the person wait longer.
      pauseMs = Math.max(pauseMs, Math.min(retryAfterMs, PATIENCE_MS - passed(sinceMs, environment)));
    }
    await sleep(pauseMs, environment);
  }

  try {
    const found = await receiptOf(session, id, api);
    return found ?? (blocked > 0 ? refuse({ code: "blocked", status: blocked }) : UNKNOWN);
  } catch {
    return UNKNOWN;
  }
}

/**
 * Asks for the receipt of a `confirm` step that nobody waits for any more. It asks until the server has a receipt, or
 * has none when no attempt can be in flight any more. It stops, and returns undefined, as soon as `isOpen` is false.
 */
export async function askReceipt(
  { session, id, atMs }: { readonly session: string; readonly id: string; readonly atMs: number },
  isOpen: () => boolean,
  { api, environment }: Server,
): Promise<ReceivedOutcome | undefined> {
  for (let failures = 1; isOpen(); failures += 1) {
    try {
      const late = passed(atMs, environment) >= IN_FLIGHT_MS;
      const found = await receiptOf(session, id, api);
      if (found ?? late) return found ?? UNKNOWN;
    } catch {
      // Nobody answers, so nothing is known yet.
    }
    await sleep(Math.min(LONGEST_PAUSE_MS, backoffMs(failures, environment)), environment);
  }
  return undefined;
}

/** Milliseconds since then. If the clock was set back, nobody waits until it has caught up. */
function passed(sinceMs: number, { now }: Environment): number {
  return Math.abs(now() - sinceMs);
}

async function receiptOf(session: string, command: string, api: Api): Promise<ReceivedOutcome | undefined> {
  const { outcome } = await api.receipt({ session, command }, ATTEMPT_MS);
  if (outcome === null) return undefined;
  const reply = await api.read(session, ATTEMPT_MS).catch(() => undefined);
  return { outcome, snapshot: reply?.session ?? undefined };
}
