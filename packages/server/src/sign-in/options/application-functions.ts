import { SessionsError, toStorableJson } from "@sessions/core/internal";
import type { SignInsOptions } from "./options.ts";
import type { RequestHead } from "../request/request-head.ts";
import type { Signal, SignalDecision } from "../visit/signal-detector.ts";

const decisions: readonly SignalDecision[] = ["ignore", "note", "revoke"];
const MAX_PLACE = 100;

/** A place is a help. Without it a person can still sign in. */
export function placeOf(
  locate: SignInsOptions["locate"] = () => null,
  report: (fault: SessionsError) => void,
): (request: RequestHead) => string | null {
  return (request) => {
    try {
      const place: unknown = locate(request) ?? null;
      if (place === null || (typeof place === "string" && place.length <= MAX_PLACE && toStorableJson(place).ok))
        return place;
      report(
        new SessionsError("context_invalid", `\`locate\` returns a text of up to ${MAX_PLACE} characters, or null.`),
      );
    } catch (cause) {
      report(new SessionsError("handler_failed", "`locate` threw. The sign-in has no place.", { cause }));
    }
    return null;
  };
}

/** A decision that fails lets the person go on, and is told. */
export function decisionOf(
  decide: NonNullable<SignInsOptions["signal"]>,
  report: (fault: SessionsError) => void,
): (signal: Signal) => SignalDecision {
  return (signal) => {
    try {
      const decision = decide(signal);
      if (decisions.includes(decision)) return decision;
      report(new SessionsError("context_invalid", '`signal` returns "ignore", "note" or "revoke".'));
    } catch (cause) {
      report(new SessionsError("handler_failed", "`signal` threw. The signal is noted.", { cause }));
    }
    return "note";
  };
}
