import type { Outcome, Refusal, Snapshot, SubmitCommand } from "@sessions/core";
import { answerOf, BLOCKED_TRIES, isFinal } from "../sync/answer.ts";
import { backoffMs, later, type Environment } from "../environment.ts";
import { busyMsOf } from "../record/reply.ts";
import type { Connection } from "../sync/connection.ts";
import type { Api } from "../sync/api.ts";

/** How long the page waits for an irreversible step, in milliseconds. */
const PATIENCE_MS = 15_000;

/** How long one attempt may take, in milliseconds. */
const ATTEMPT_MS = 5_000;

/** After so long, in milliseconds, an attempt has reached the server or never will: a handler has ten seconds. */
const UNDER_WAY_MS = 30_000;

/** How long to wait at most before the receipt is asked for again, in milliseconds. */
const ASK_MS = 5_000;

export interface Confirmed {
  readonly outcome: Outcome;
  readonly snapshot: Snapshot | undefined;
}

interface Means {
  readonly server: Api;
  readonly environment: Environment;
}

export const refused = (refusal: Refusal): Confirmed => ({
  outcome: { outcome: "refused", refusal },
  snapshot: undefined,
});

/**
 * Sends an irreversible step while the person waits. Every attempt has the same command id, so that it
 * happens once at most. When no attempt is answered, the receipt decides; without one it is `unconfirmed`,
 * and nothing sends it again. Offline it is not sent at all.
 */
export async function confirm(
  command: SubmitCommand,
  { server, connection, environment }: Means & { readonly connection: Connection },
): Promise<Confirmed> {
  const sinceMs = environment.now();
  const { session, id } = command;

  if (connection.offline) {
    // The stream may be broken where calls get through.
    const heard = await server.read(session, ATTEMPT_MS).catch(() => undefined);
    if (heard === undefined) return refused({ code: "unsettled", pending: 0 });
    connection.heard(heard.now);
  }

  let blocked = 0;
  for (let failures = 1; passed(sinceMs, environment) < PATIENCE_MS; failures += 1) {
    let pauseMs = Math.min(2_000, backoffMs(failures, environment));
    try {
      const reply = await server.push([command], ATTEMPT_MS);
      connection.heard(reply.now);
      const [outcome] = reply.outcomes;
      const busyMs = outcome && busyMsOf(outcome);
      if (busyMs !== undefined) pauseMs = busyMs;
      else if (outcome) return { outcome, snapshot: reply.snapshots.find((snapshot) => snapshot.id === session) };
    } catch (error) {
      // Whether the server can be reached, the stream tells.
      const { status = 0, isRouters, retryAfterMs = 0 } = answerOf(error) ?? {};
      if (status === 413) return refused({ code: "too_large", atMost: JSON.stringify(command).length - 1 });
      blocked = !isRouters && isFinal(status) ? status : 0;
      if (blocked > 0 && failures === BLOCKED_TRIES) break;
      // Whoever waits for it does not wait longer.
      pauseMs = Math.max(pauseMs, Math.min(retryAfterMs, PATIENCE_MS - passed(sinceMs, environment)));
    }
    await later(pauseMs, environment);
  }

  try {
    const found = await receiptOf(session, id, server);
    return found ?? refused(blocked > 0 ? { code: "blocked", status: blocked } : { code: "unconfirmed" });
  } catch {
    return refused({ code: "unconfirmed" });
  }
}

/**
 * What became of an irreversible step that nobody waits for any more: asks for its receipt, until there is one, or the
 * server has none and nothing is under way. `isOpen`: whether anybody still wants to know. Undefined when nobody does.
 */
export async function askReceipt(
  { session, id, atMs }: { readonly session: string; readonly id: string; readonly atMs: number },
  isOpen: () => boolean,
  { server, environment }: Means,
): Promise<Confirmed | undefined> {
  for (let failures = 1; isOpen(); failures += 1) {
    try {
      const late = passed(atMs, environment) >= UNDER_WAY_MS;
      const found = await receiptOf(session, id, server);
      if (found ?? late) return found ?? refused({ code: "unconfirmed" });
    } catch {
      // Nobody answers: it is not known yet.
    }
    await later(Math.min(ASK_MS, backoffMs(failures, environment)), environment);
  }
  return undefined;
}

/** Milliseconds since then. A clock that was set back must not make anybody wait until it has caught up. */
function passed(sinceMs: number, { now }: Environment): number {
  return Math.abs(now() - sinceMs);
}

async function receiptOf(session: string, command: string, server: Api): Promise<Confirmed | undefined> {
  const { outcome } = await server.receipt({ session, command }, ATTEMPT_MS);
  if (outcome === null) return undefined;
  const reply = await server.read(session, ATTEMPT_MS).catch(() => undefined);
  return { outcome, snapshot: reply?.session ?? undefined };
}
