import type { Command } from "@sessions/core/internal";
import { backoffMs, type Environment } from "../../environment.ts";
import { createTimer } from "../timer.ts";

interface Suspect {
  /** How often a single command of the session failed in a row. */
  failures: number;
  untilMs: number;
  /** How many of the session's commands are sent together. */
  atMost: number;
  /** Whether the session has failed without other sessions in the same push. */
  alone: boolean;
}

/**
 * The suspects: sessions among which something fails, in the order in which the pusher tries them. It sends them in halves
 * until it finds the session, and the session's commands in halves until it finds the command.
 */
export interface Bisection {
  has(session: string): boolean;
  /** The sessions that may be tried now, with how many of their commands. */
  next(): readonly { readonly session: string; readonly atMost: number }[];
  /** Whether all commands are of a session that has failed alone. */
  isAlone(commands: readonly Command[]): boolean;
  /** These commands failed together. If they are of one session, it rests for at least `restMs`. Returns a single command. */
  narrow(commands: readonly Command[], restMs: number): Command | undefined;
  /** These commands got through. */
  passed(commands: readonly Command[]): void;
  failuresOf(session: string): number;
  /** From now on the session is treated like all others. */
  release(session: string): void;
  /** Nothing is tried for so many milliseconds. */
  rest(ms: number): void;
  /** Everything may be tried now. */
  hurry(): void;
  /** Calls `onDue` once something may be tried again. */
  wait(): void;
  close(): void;
}

export function createBisection(environment: Environment, onDue: () => void): Bisection {
  const suspects = new Map<string, Suspect>();
  // How many sessions are sent together.
  let together = Infinity;
  let restsUntilMs = 0;
  const timer = createTimer(environment);

  function release(session: string): void {
    suspects.delete(session);
    if (suspects.size === 0) together = Infinity;
  }

  return {
    has: (session) => suspects.has(session),
    next() {
      const nowMs = environment.now();
      if (nowMs < restsUntilMs) return [];
      const due = [...suspects].filter(([, { untilMs }]) => untilMs <= nowMs);
      const first = due[0];
      const some = first?.[1].alone ? [first] : due.filter(([, { alone }]) => !alone).slice(0, together);
      return some.map(([session, { atMost }]) => ({ session, atMost }));
    },
    isAlone: (commands) => commands.every(({ session }) => suspects.get(session)?.alone),
    narrow(commands, restMs) {
      const sessions = new Set(commands.map(({ session }) => session));
      if (sessions.size > 1) together = sessions.size >> 1;
      for (const session of sessions) {
        const entry = suspects.get(session) ?? { failures: 0, untilMs: 0, atMost: Infinity, alone: false };
        // The session moves to the end of the order.
        suspects.delete(session);
        suspects.set(session, entry);
        if (sessions.size > 1) continue;
        entry.alone = true;
        let ms = restMs;
        if (commands.length > 1) entry.atMost = commands.length >> 1;
        else {
          entry.failures += 1;
          ms = Math.max(restMs, 200, backoffMs(entry.failures, environment));
        }
        if (ms > 0) entry.untilMs = environment.now() + ms;
      }
      return commands.length === 1 ? commands[0] : undefined;
    },
    passed(commands) {
      together *= 2;
      for (const { session } of commands) {
        const entry = suspects.get(session);
        if (entry === undefined) continue;
        const sent = commands.filter((command) => command.session === session).length;
        // The command that fails may come after these.
        if (sent >= entry.atMost) Object.assign(entry, { failures: 0, untilMs: 0 });
        else release(session);
      }
    },
    failuresOf: (session) => suspects.get(session)?.failures ?? 0,
    release,
    rest(ms) {
      restsUntilMs = environment.now() + ms;
    },
    hurry() {
      restsUntilMs = 0;
      for (const entry of suspects.values()) entry.untilMs = 0;
    },
    wait() {
      timer.clear();
      if (suspects.size === 0) return;
      const untilMs = Math.max(restsUntilMs, Math.min(...[...suspects.values()].map((entry) => entry.untilMs)));
      timer.set(Math.max(0, untilMs - environment.now()), onDue);
    },
    close: timer.clear,
  };
}
