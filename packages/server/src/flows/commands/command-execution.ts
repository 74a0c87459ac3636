import { setTimeout } from "node:timers/promises";
import {
  createParser,
  refusedOutcome,
  SessionsError,
  type Command,
  type Device,
  type Snapshot,
} from "@sessions/core/internal";
import { databaseFault, isDataError, isTransient } from "../../postgres/errors.ts";
import type { Partitions } from "../../postgres/partitions.ts";
import type { Telemetry } from "../../telemetry.ts";
import type { OwnerCipher } from "../../secrets/owner-cipher.ts";
import type { OwnerCiphers } from "../../secrets/owner-ciphers.ts";
import type { Sender } from "../configuration/identity.ts";
import type { Reader } from "../reads/reader.ts";
import { nextStored, type StoredSession } from "../rows/stored-session.ts";
import type { SessionCache } from "./cache.ts";
import type { CpuScheduler } from "./cpu-scheduler.ts";
import { decide, type Decision, type DecisionContext } from "./decision.ts";
import { judgeOnServer, type Judgement } from "./judgement.ts";
import type { SessionWriter } from "./session-writer.ts";

/** How often a command races other writers for its session, before it locks the row and waits. */
export const MAX_RACES = 3;

/** How often a command is judged again after a deadlock or a serialization failure. */
const MAX_ATTEMPTS = 10;

/** How long a command waits before it is judged again, in milliseconds. The wait doubles each time, up to the second. */
const RETRY_MS = 2;
const LAST_RETRY_MS = 200;

/** Everything that the execution of a command uses. */
export interface ExecutionContext extends DecisionContext {
  readonly cache: SessionCache;
  readonly ciphers: OwnerCiphers;
  readonly cpu: CpuScheduler;
  readonly partitions: Partitions;
  /** Called after the commit, with the session as it is now. */
  readonly publish: (owner: string, snapshot: Snapshot) => void;
  readonly reader: Reader;
  readonly telemetry: Telemetry;
  readonly writer: SessionWriter;
}

type AcceptedJudgement = Extract<Judgement, { settled: false }>;

/**
 * Judges a command and writes what it changes. `before` is the session as the command before it in the same push left
 * it; else the session is taken from the cache or the database.
 */
export async function executeCommand(
  context: ExecutionContext,
  sender: Sender,
  device: Device,
  command: Command,
  before: StoredSession | undefined,
): Promise<Decision> {
  const { owner } = sender;
  const { cache, ciphers, cpu, flows, now, partitions, publish, reader, report, telemetry } = context;
  let stored: StoredSession | null | undefined = before ?? cache.get(owner, command.session);
  telemetry.recordCacheLookup(stored !== undefined);
  let fresh = false;
  const judgementInput = { device, proof: sender, guest: sender.guest, service: sender.service, parse: createParser() };
  for (let attempt = 1; ; attempt += 1) {
    if (stored === undefined) {
      const found: StoredSession | null = await reader.load(owner, command.session);
      if (found !== null) cache.put(owner, found);
      stored = found;
      fresh = true;
    }
    const { nowMs, judgement } = await cpu.run(owner, () => {
      const atMs = now();
      return {
        nowMs: atMs,
        judgement: judgeOnServer(flows, stored ?? null, command, { nowMs: atMs, ...judgementInput }),
      };
    });
    if (judgement.settled && !fresh) {
      // The cache may be old. An outcome is sent only if it follows from the state of the database.
      stored = undefined;
      continue;
    }
    if (judgement.settled) {
      if (judgement.fault) report(judgement.fault);
      // The connection may have broken during the first commit: then watchers have not got the session yet.
      if (judgement.outcome.status === "accepted" && stored) publish(owner, stored.snapshot);
      return { outcome: judgement.outcome, stored };
    }

    const cipher = await ciphers.forWriting(owner);
    await partitions.ensure(nowMs);
    try {
      const decision =
        stored === null || attempt > MAX_RACES || needsTransaction(judgement)
          ? await decide({ ...context, cipher }, owner, judgementInput, command, judgement.served)
          : await write(context, cipher, owner, stored, command, judgement);
      if (decision !== null) {
        const { outcome, stored: after } = decision;
        if (after !== null) cache.put(owner, after);
        if (outcome.status === "accepted" && after !== null) publish(owner, after.snapshot);
        return decision;
      }
      // The keys of an owner who was erased are gone, also if this node has them in memory.
      if (stored === null) ciphers.drop(owner);
    } catch (error) {
      if (!isTransient(error) || attempt >= MAX_ATTEMPTS) throw error;
      // A random wait: two commands that met must not meet again.
      await setTimeout(Math.random() * Math.min(RETRY_MS * 2 ** attempt, LAST_RETRY_MS));
    }
    if (attempt >= MAX_ATTEMPTS) throw new SessionsError("internal", `Gave up after ${attempt} attempts.`);
    stored = undefined;
  }
}

/** A transaction decides starts, submissions with a handler, and all that ends a session. */
function needsTransaction({ advanced, served }: AcceptedJudgement): boolean {
  const { session, change } = advanced;
  return session.status !== "active" || (change?.kind === "submit" && served.handlerOf(change.step) !== undefined);
}

/** Writes a plain command by compare-and-set. Null when another writer came first. */
async function write(
  context: ExecutionContext,
  cipher: OwnerCipher,
  owner: string,
  stored: StoredSession,
  command: Command,
  { advanced, served }: AcceptedJudgement,
): Promise<Decision | null> {
  const next = nextStored(cipher, stored, { snapshot: advanced.session }, advanced.change, command, served.flow);
  const isWritten = await context.writer.write(owner, next);
  if (!isWritten) return null;
  const { revision } = advanced.session;
  return { outcome: { status: "accepted", revision, replayed: false }, stored: next.stored };
}

/**
 * The decision on a command whose execution threw. One command must not fail the others, or be sent again for ever: only
 * an error that a retry may remove is thrown again.
 */
export function failedDecision({ report }: ExecutionContext, { id, kind, session }: Command, error: unknown): Decision {
  const fault = databaseFault(error);
  if (fault?.code.startsWith("database_") && !isDataError(error)) throw error;
  const where = `Command ${id} (${kind}) of session ${session}.`;
  report(
    error instanceof SessionsError ? error : new SessionsError(fault?.code ?? "internal", where, { cause: error }),
  );
  return { outcome: refusedOutcome({ code: "failed" }), stored: null };
}
