import { SessionsError } from "@sessions/core/internal";
import type { LiveSignIn, SignInKeeper } from "../keeper/sign-in-keeper.ts";
import type { VisitRequest } from "../request/request-head.ts";
import { renewAtMs } from "./bound-request.ts";
import type { EndListeners } from "./end-listeners.ts";

/** A request whose sign-in may end while its answer, a stream, is open. */
export interface OpenRequest {
  readonly request: VisitRequest;
  readonly signIn: LiveSignIn;
  /** When the token was checked. The sign-in may have ended since. */
  readonly checkedMs: number;
  /** Until when its sealed copy is believed; infinite for a token that was checked. */
  readonly believedUntilMs: number;
}

/** The longest time of a Node timer, in milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export interface RequestEndParts {
  readonly endListeners: EndListeners;
  readonly bindsDevices: boolean;
  readonly now: () => number;
}

/**
 * Calls the listener once, when the sign-in ends, or with `renew` when the short cookie of the device or a sealed copy has
 * been good for as long as it is. Gives a function that removes the listener.
 */
export function onRequestEnd(
  { endListeners, bindsDevices, now }: RequestEndParts,
  { request, signIn, checkedMs, believedUntilMs }: OpenRequest,
  listener: (why?: "renew") => void,
): () => void {
  const unsubscribe = endListeners.onEnd(signIn, checkedMs, () => listener());
  const renewMs = Math.min(believedUntilMs, bindsDevices ? renewAtMs(request, signIn, checkedMs) : Infinity);
  if (renewMs === Infinity) return unsubscribe;
  const timer = setTimeout(() => listener("renew"), Math.min(Math.max(0, renewMs - now()), MAX_TIMER_MS)).unref();
  return () => {
    clearTimeout(timer);
    unsubscribe();
  };
}

/** Ends a guest whose session has ended. Nobody waits for it: the guest is told at their next request. */
export function endGuest(
  { keeper, report }: { readonly keeper: SignInKeeper; readonly report: (fault: SessionsError) => void },
  guest: LiveSignIn,
): void {
  keeper.end(guest.owner, guest.publicId, "session_ended").catch((error: unknown) => {
    report(
      error instanceof SessionsError
        ? error
        : new SessionsError("internal", "A guest was not ended.", { cause: error }),
    );
  });
}
