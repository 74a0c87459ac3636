import { durationMs, SessionsError, type Duration } from "@sessions/core/internal";
import { defaultRequestLimits, type RequestLimits } from "../keeper/hand-offs/guest-requests.ts";

/** How sessions are handed over to other devices. */
export interface HandOffOptions {
  /** How recently an owner must have proved who they are to let a guest in. Default `"15m"`. */
  readonly fresh?: Duration;
  /** How many devices may ask at once: from one address, and in all. Default 20 and 10,000. */
  readonly atMost?: { readonly perAddress?: number; readonly inTotal?: number };
}

export interface CheckedHandOff {
  /** Undefined if the application hands nothing off. */
  readonly handOff: { readonly freshMs: number } | undefined;
  readonly requestLimits: RequestLimits;
}

/** The most that `atMost` allows. */
export const MAX_REQUESTS = 1_000_000;

/** @throws {SessionsError} `configuration_invalid`, which names the option. */
export function checkedHandOff(given: boolean | HandOffOptions = false): CheckedHandOff {
  if (typeof given !== "boolean" && (typeof given !== "object" || given === null)) {
    throw new SessionsError("configuration_invalid", "`handOff` is true, false, or an object of options.");
  }
  const { fresh = "15m", atMost = {} }: HandOffOptions = typeof given === "boolean" ? {} : given;
  const freshMs = typeof fresh === "string" ? durationMs(fresh) : undefined;
  if (freshMs === undefined) {
    throw new SessionsError("configuration_invalid", '`handOff.fresh` is a duration, such as "15m".');
  }
  const requestLimits = { ...defaultRequestLimits, ...atMost };
  for (const [name, value] of Object.entries(requestLimits)) {
    if (Number.isSafeInteger(value) && value >= 1 && value <= MAX_REQUESTS) continue;
    throw new SessionsError(
      "configuration_invalid",
      `\`handOff.atMost.${name}\` is a whole number from 1 to ${MAX_REQUESTS}.`,
    );
  }
  return { handOff: given === false ? undefined : { freshMs }, requestLimits };
}
