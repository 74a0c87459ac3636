import type { AssuranceLevel } from "@sessions/core/internal";
import { levelOf } from "../assurance.ts";
import type { SignInSummary } from "../keeper/sign-in-keeper.ts";

/** One browser or app in which an owner is signed in, as that owner may see it. */
export interface VisitedSignIn {
  /** A UUID that may be shown: it opens nothing. */
  readonly id: string;
  /** A readable name of the browser or the app. */
  readonly device: string;
  /** A coarse place; null unless the option `locate` told one. */
  readonly place: string | null;
  readonly since: Date;
  /** Late by up to a minute, or a twentieth of the idle time. */
  readonly lastUsed: Date;
  /** The last time that the person proved who they are. */
  readonly provedAt: Date;
  /** When it ends if nobody uses it again. */
  readonly endsAt: Date;
  /** How the person proved who they are, the last time. */
  readonly factors: readonly string[];
  /** The assurance level that the factors prove together, after NIST SP 800-63B-4. */
  readonly level: AssuranceLevel | undefined;
  /** The id of the only session of a guest, who has proved nothing; null for a sign-in of the owner's own. */
  readonly guestSession: string | null;
}

export function visitedSignIn(row: SignInSummary): VisitedSignIn {
  return {
    id: row.publicId,
    device: row.device,
    place: row.place,
    since: new Date(row.sinceMs),
    lastUsed: new Date(row.lastUsedMs),
    provedAt: new Date(row.provedMs),
    endsAt: new Date(row.endsMs),
    factors: row.factors,
    level: levelOf(row.factors),
    guestSession: row.guestSession,
  };
}
