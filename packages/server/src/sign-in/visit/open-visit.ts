import type { LiveSignIn } from "../keeper/sign-in-keeper.ts";
import { isCrossSite } from "../request/cross-site.ts";
import { presentedToken, type PresentedToken } from "../request/presented-token.ts";
import type { RequestHead } from "../request/request-head.ts";
import { keeperAnswer } from "./keeper-answer.ts";
import { RequestVisit, type VisitParts } from "./request-visit.ts";
import { sealedSignIn, type Sealing } from "./sealing.ts";
import type { Signals } from "./signals.ts";
import type { VisitAnswer } from "./visit-answer.ts";
import { VisitError } from "./visit-error.ts";

export interface OpenOptions extends VisitParts {
  /** Other origins whose pages may ask for changes. */
  readonly origins: readonly string[];
  /** Undefined if the application decides about none. */
  readonly signals: Signals | undefined;
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
  request: RequestHead,
  answer: VisitAnswer,
): Promise<RequestVisit> {
  if (isCrossSite(request, options.origins)) throw new VisitError("cross_site");
  const checkedMs = options.now();
  const presented = presentedToken(request);
  let signIn = presented ? await presentedSignIn(options, request, presented, answer) : null;
  if (signIn && (await options.signals?.weigh(signIn, request))) {
    answer.withhold();
    signIn = null;
  }
  return new RequestVisit(options, { request, answer, presented, signIn, checkedMs });
}

/** The sign-in of a token, and what the answer hands out for it. */
async function presentedSignIn(
  { keeper, changes, sealing, now, report }: OpenOptions,
  request: RequestHead,
  { token, way }: PresentedToken,
  answer: VisitAnswer,
): Promise<LiveSignIn | null> {
  const sealed = sealing && way === "cookie" ? sealedSignIn(sealing, request, token, now()) : undefined;
  if (sealed && !keeper.hasHeardEnd({ ...sealed, publicId: sealed.signIn.publicId })) return sealed.signIn;
  // Before the check: a change after it makes its offer old.
  const { count } = changes;
  const asked = keeper.check(token);
  const checked = asked instanceof Promise ? await checkedToken(asked, report) : asked;
  if (checked.kind === "superseded") throw new VisitError("superseded");
  if (checked.kind === "nobody") return null;
  const { signIn, offer } = checked;
  if (offer || (sealing && way === "cookie")) {
    const handed = { way, token: offer ?? token, signIn, isHeld: offer === null };
    answer.offer(handed, () => !changes.isAfter(count, signIn));
  }
  return signIn;
}

/** For whatever reason nobody can tell who it is: it is not "nobody", and it is not for ever. */
async function checkedToken<T>(asked: Promise<T>, report: VisitParts["report"]): Promise<T> {
  try {
    return await keeperAnswer(asked, report);
  } catch (error) {
    throw error instanceof VisitError ? error : new VisitError("unavailable", { cause: error });
  }
}
