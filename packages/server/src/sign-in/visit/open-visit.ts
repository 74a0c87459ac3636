import type { CheckResult, LiveSignIn } from "../keeper/sign-in-keeper.ts";
import { isCrossSite } from "../request/cross-site.ts";
import { presentedToken, type PresentedToken } from "../request/presented-token.ts";
import type { VisitRequest } from "../request/request-head.ts";
import { withAnswerLimit } from "./exchange/answer-limit.ts";
import { hasSkipped, provedUntilMs } from "./bound-request.ts";
import { RequestVisit } from "./request-visit.ts";
import { sealedSignIn, type Sealing } from "./exchange/sealing.ts";
import type { SignalDetector } from "./signal-detector.ts";
import type { VisitParts } from "./visit-parts.ts";
import type { VisitHeaders } from "./exchange/visit-headers.ts";
import { VisitError } from "./exchange/visit-error.ts";

export interface OpenOptions extends VisitParts {
  /** Other origins whose pages may ask for changes. */
  readonly origins: readonly string[];
  /** Undefined if the application decides about none. */
  readonly signalDetector: SignalDetector | undefined;
  /** Undefined if no copies are sealed. */
  readonly sealing: Sealing | undefined;
}

/**
 * Tells who makes a request: at once, without a promise, if nobody has to be asked.
 *
 * @throws {VisitError} `cross_site`, `superseded`, or `unavailable` if nobody can tell now who is signed in.
 */
export function openVisit(
  options: OpenOptions,
  request: VisitRequest,
  headers: VisitHeaders,
): RequestVisit | Promise<RequestVisit> {
  const presented = presentedToken(request);
  if (isCrossSite(request, presented, options.origins)) throw new VisitError("cross_site");
  const checkedMs = options.now();
  const open = (signIn: LiveSignIn | null, believedUntilMs = Infinity) =>
    new RequestVisit(options, { request, headers, presented, signIn, checkedMs, believedUntilMs });
  if (!presented) return open(null);
  const opening = { options, request, presented, headers, checkedMs, needsDevice: options.bindsDevices };
  const copy = sealedCopy(opening);
  const found = copy?.signIn ?? presentedSignIn(opening);
  if (!options.signalDetector && !(found instanceof Promise)) return open(found, copy?.believedUntilMs);
  return judgedSignIn(opening, found).then((signIn) => open(signIn, copy?.believedUntilMs));
}

/** The sign-in of a request's token, whatever the device has proved. Null if there is none. @throws {VisitError} */
export async function openSignIn(
  options: OpenOptions,
  request: VisitRequest,
  headers: VisitHeaders,
): Promise<LiveSignIn | null> {
  const presented = presentedToken(request);
  if (!presented) return null;
  const opening = { options, request, presented, headers, checkedMs: options.now(), needsDevice: false };
  return sealedCopy(opening)?.signIn ?? presentedSignIn(opening);
}

/** A request with a token, on its way to its visit. */
interface Opening {
  readonly options: OpenOptions;
  readonly request: VisitRequest;
  readonly presented: PresentedToken;
  readonly headers: VisitHeaders;
  readonly checkedMs: number;
  readonly needsDevice: boolean;
}

/** The sign-in, unless the application ends it because of this request. */
async function judgedSignIn(
  { options, request, headers }: Opening,
  found: LiveSignIn | null | Promise<LiveSignIn | null>,
): Promise<LiveSignIn | null> {
  const signIn = await found;
  if (!signIn || !(await options.signalDetector?.revokeIfDecided(signIn, request))) return signIn;
  headers.withhold();
  return null;
}

/** The sealed copy of a sign-in, if it may be believed. Its node may never hear of an end that was before. */
function sealedCopy({
  options: { keeper, sealing },
  request,
  presented: { token, carrier },
  checkedMs,
}: Opening): { readonly signIn: LiveSignIn; readonly believedUntilMs: number } | undefined {
  const sealed = sealing && carrier === "cookie" ? sealedSignIn(sealing, request, token, checkedMs) : undefined;
  if (!sealing || !sealed || keeper.knowsEnd({ ...sealed, publicId: sealed.signIn.publicId })) return undefined;
  return { signIn: sealed.signIn, believedUntilMs: sealed.sealedMs + sealing.trustMs };
}

/** The sign-in of a token, and what the answer hands out for it. */
function presentedSignIn(opening: Opening): LiveSignIn | null | Promise<LiveSignIn | null> {
  const { options, presented } = opening;
  const { keeper, report } = options;
  const asked = keeper.check(presented.token);
  if (!(asked instanceof Promise)) return checkedSignIn(opening, asked);
  return unlessUnavailable(asked, report).then((checked) => checkedSignIn(opening, checked));
}

function checkedSignIn(
  { options, request, presented, headers, checkedMs, needsDevice }: Opening,
  checked: CheckResult,
): LiveSignIn | null {
  if (checked.kind === "superseded") throw new VisitError("superseded");
  if (checked.kind === "nobody") return null;
  const { keeper, sealing } = options;
  const { token, carrier } = presented;
  const { signIn, offer, revision } = checked;
  if (needsDevice && provedUntilMs(request, signIn, checkedMs) === undefined) {
    // The browser could not refresh the cookie. It is not signed out for that.
    if (hasSkipped(request, signIn)) throw new VisitError("unavailable");
    return null;
  }
  if (offer || (sealing && carrier === "cookie" && signIn.binding === null)) {
    // A browser that has a newer secret, or none, must not get this one: it would overwrite it.
    const { publicId } = signIn;
    headers.offer(
      { carrier, token: offer ?? token, signIn, isHeld: offer === null },
      () => !keeper.knowsChange({ publicId, revision, checkedMs }),
    );
  }
  return signIn;
}

/** For whatever reason nobody can tell who it is: it is not "nobody", and it is not for ever. */
async function unlessUnavailable<T>(asked: Promise<T>, report: VisitParts["report"]): Promise<T> {
  try {
    return await withAnswerLimit(asked, report);
  } catch (error) {
    throw error instanceof VisitError ? error : new VisitError("unavailable", { cause: error });
  }
}
