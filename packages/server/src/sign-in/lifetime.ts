import { durationMs, SessionsError, type AssuranceLevel, type Duration } from "@sessions/core/internal";

/**
 * How long a sign-in lasts. `absolute` counts from the last proof of who the person is, `idle` from the last use. A level
 * stands for the times that NIST SP 800-63B-4 names for it.
 */
export type SignInExpires = AssuranceLevel | { readonly idle?: Duration; readonly absolute: Duration };

export interface Lifetime {
  readonly absoluteMs: number;
  /** Undefined if a sign-in that nobody uses lasts as long as any other. */
  readonly idleMs?: number;
  /** How late a use may be noted. The stored deadline is later by this time. */
  readonly slackMs: number;
}

const presets: Readonly<Record<AssuranceLevel, { readonly idle?: Duration; readonly absolute: Duration }>> = {
  aal1: { absolute: "30d" },
  aal2: { idle: "1h", absolute: "24h" },
  aal3: { idle: "15m", absolute: "12h" },
};

const MIN_SLACK_MS = 60_000;

/** @throws {SessionsError} `configuration_invalid` if a time is missing, wrong, or longer than the one that bounds it. */
export function lifetimeOf(expires: SignInExpires): Lifetime {
  const { idle, absolute } = typeof expires === "string" ? presetOf(expires) : expires;
  const absoluteMs = timeOf("absolute", absolute);
  if (idle === undefined) return { absoluteMs, slackMs: MIN_SLACK_MS };
  const idleMs = timeOf("idle", idle);
  if (idleMs > absoluteMs) {
    throw new SessionsError("configuration_invalid", "`expires.idle` is longer than `expires.absolute`. Shorten it.");
  }
  return { absoluteMs, idleMs, slackMs: Math.max(MIN_SLACK_MS, idleMs / 20) };
}

function presetOf(level: string): { readonly idle?: Duration; readonly absolute: Duration } {
  if (Object.hasOwn(presets, level)) return presets[level as AssuranceLevel];
  throw new SessionsError("configuration_invalid", '`expires` is "aal1", "aal2", "aal3", or has `absolute`.');
}

function timeOf(name: string, duration: unknown): number {
  const ms = typeof duration === "string" ? durationMs(duration) : undefined;
  if (ms !== undefined) return ms;
  throw new SessionsError("configuration_invalid", `\`expires.${name}\` must be a duration, such as "30m" or "12h".`);
}

/** How long a guest stays at most, in milliseconds. */
export const GUEST_MS = 3_600_000;

/** The times of a sign-in that decide when it ends. */
export interface SignInTimes {
  readonly provedMs: number;
  readonly lastUsedMs: number;
  readonly guestSession: string | null;
}

/** When a sign-in ends if nobody uses it again: the idle deadline with its slack, or the absolute one before it. */
export function endsAt(lifetime: Lifetime, { provedMs, lastUsedMs, guestSession }: SignInTimes): number {
  const { absoluteMs, idleMs, slackMs } = lifetime;
  const absolute = provedMs + (guestSession === null ? absoluteMs : Math.min(absoluteMs, GUEST_MS));
  return idleMs === undefined ? absolute : Math.min(absolute, lastUsedMs + idleMs + slackMs);
}
