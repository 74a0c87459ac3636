import type { LiveSignIn } from "../keeper/sign-in-keeper.ts";
import { isCrossSite } from "../request/cross-site.ts";
import { presentedToken, type PresentedToken } from "../request/presented-token.ts";
import type { VisitRequest } from "../request/request-head.ts";
import { withAnswerLimit } from "./answer-limit.ts";
import { RequestVisit, type VisitParts } from "./request-visit.ts";
import { sealedSignIn, type Sealing } from "./sealing.ts";
import type { SignalDetector } from "./signal-detector.ts";
import type { VisitHeaders } from "./visit-headers.ts";
import { VisitError } from "./visit-error.ts";

export interface OpenOptions extends VisitParts {
  /** Other origins whose pages may ask for changes. */
  readonly origins: readonly string[];
  /** Undefined if the application decides about none. */
  readonly signalDetector: SignalDetector | undefined;
  /** Undefined if no copies are sealed. */
  readonly sealing: Sealing | undefined;
}

/**
 * Tells who makes a request.
 *
 * @throws {VisitError} `cross_site`, `superseded`, or `unavailable` if nobody can tell now who is signed in.
 */
export async function openVisit(
  options: OpenOptions,
  request: VisitRequest,
  headers: VisitHeaders,
): Promise<RequestVisit> {
  if (isCrossSite(request, options.origins)) throw new VisitError("cross_site");
  const checkedMs = options.now();
  const presented = presentedToken(request);
  let signIn = presented ? await presentedSignIn(options, request, presented, headers) : null;
  if (signIn && (await options.signalDetector?.revokeIfDecided(signIn, request))) {
    headers.withhold();
    signIn = null;
  }
  return new RequestVisit(options, { request, headers, presented, signIn, checkedMs });
}

/** The sign-in of a token, and what the answer hands out for it. */
async function presentedSignIn(
  { keeper, staleOffers, sealing, now, report }: OpenOptions,
  request: VisitRequest,
  { token, carrier }: PresentedToken,
  headers: VisitHeaders,
): Promise<LiveSignIn | null> {
  const sealed = sealing && carrier === "cookie" ? sealedSignIn(sealing, request, token, now()) : undefined;
  if (sealed && !keeper.hasHeardEnd({ ...sealed, publicId: sealed.signIn.publicId })) return sealed.signIn;
  // Before the check: a change after it makes its offer old.
  const { count } = staleOffers;
  const asked = keeper.check(token);
  const checked = asked instanceof Promise ? await checkedToken(asked, report) : asked;
  if (checked.kind === "superseded") throw new VisitError("superseded");
  if (checked.kind === "nobody") return null;
  const { signIn, offer } = checked;
  if (offer || (sealing && carrier === "cookie")) {
    const delivery = { carrier, token: offer ?? token, signIn, isHeld: offer === null };
    headers.offer(delivery, () => !staleOffers.isStale(count, signIn));
  }
  return signIn;
}

/** For whatever reason nobody can tell who it is: it is not "nobody", and it is not for ever. */
async function checkedToken<T>(asked: Promise<T>, report: VisitParts["report"]): Promise<T> {
  try {
    return await withAnswerLimit(asked, report);
  } catch (error) {
    throw error instanceof VisitError ? error : new VisitError("unavailable", { cause: error });
  }
}
