import type { AssuranceLevel, DataDefinitions, Duration } from "@sessions/core/internal";
import type { EndReason } from "../keeper/sign-in-keeper.ts";
import type { ReadOnlyVisitData, VisitData } from "./data/visit-data.ts";
import type { VisitedSignIn } from "./visited-sign-in.ts";

/** A page of the places in which an owner is signed in, the newest first. */
export interface SignInPage {
  readonly signIns: readonly VisitedSignIn[];
  /** Where the next page begins; null if there is none. */
  readonly next: string | null;
}

export interface SignInPageRequest {
  /** At most 100. Default 50. */
  readonly limit?: number;
  /** The `next` of the page before. */
  readonly after?: string;
}

/**
 * An application adds its own types here. Then `req.visit` of Express and Fastify knows them.
 *
 * @example
 * declare module "@sessions/server/sign-in" {
 *   interface ApplicationData {
 *     data: typeof visitData;
 *   }
 * }
 */
export interface ApplicationData {}

/** The definitions in {@link ApplicationData}; any, if it has none. */
export type DeclaredData = ApplicationData extends { readonly data: infer Data extends DataDefinitions }
  ? Data
  : DataDefinitions;

/** A guest of one session of an owner. The owner handed it over; the guest is not signed in. */
export interface VisitingGuest {
  /** Whose session it is. Nothing else of this owner is the guest's to read or to change. */
  readonly owner: string;
  /** The id of the session. */
  readonly session: string;
  readonly signIn: VisitedSignIn;
}

/** What one request tells about who is signed in. It can be read everywhere, in a server component too. */
export interface ReadOnlyVisit<Data extends DataDefinitions = DeclaredData> {
  /** The owner who is signed in; null if nobody is, and for a guest. */
  readonly owner: string | null;
  /**
   * The owner id of the visitor whose secret the request shows: somebody who began something here and is not signed in.
   * Null if there is none, or somebody is signed in.
   */
  readonly visitor: string | null;
  /** This browser's or app's own sign-in; null if nobody is signed in. */
  readonly signIn: VisitedSignIn | null;
  /** A value of this sign-in that a page sends back with each change, in the header `sign-in-csrf`. */
  readonly csrf: string | null;
  /** The values that are kept for the person who is signed in: the option `data`. */
  readonly data: ReadOnlyVisitData<Data>;
  /** The guest who makes the request; null if none does. */
  readonly guest: VisitingGuest | null;
  /**
   * Why and when the sign-in of this request's token ended. Null if somebody is signed in, if there is no token, or if
   * its secret was never right.
   */
  ending(): Promise<{ readonly reason: EndReason; readonly at: Date } | null>;
  /**
   * The places in which the owner is signed in.
   *
   * @throws {VisitError} `signed_out`, or `unavailable` if the database does not answer.
   */
  list(page?: SignInPageRequest): Promise<SignInPage>;
  /**
   * Requires that the person proved who they are within this time.
   *
   * @throws {VisitError} `sign_in_again` with `asked.freshMs`, or `signed_out`.
   * @example
   * visit.requireFresh("5m");
   */
  requireFresh(within: Duration): void;
  /**
   * Requires that the last proof had at least this level.
   *
   * @throws {VisitError} `sign_in_again` with `asked.level`, or `signed_out`.
   */
  requireLevel(level: AssuranceLevel): void;
}

export interface SignInAsOptions {
  /**
   * How the person proved who they are, such as `["password", "totp"]`: one to ten words of lower-case letters, digits
   * and `_`. The level comes from them.
   */
  readonly factors: readonly string[];
  /** A readable name of the browser or the app. Default: a name made of the header User-Agent. */
  readonly device?: string;
  /** The way in which the token is handed over. Default: that of the request, which is a cookie if it has no token. */
  readonly as?: "cookie" | "bearer";
}

/** A refusal means that the owner is signed in at too many places already. It never means that the proof was wrong. */
export type SignedIn = { readonly ok: true } | { readonly ok: false; readonly refused: "sign_in_limit" };

/** What one request tells about who is signed in, and what it may change. */
export interface Visit<Data extends DataDefinitions = DeclaredData> extends ReadOnlyVisit<Data> {
  readonly data: VisitData<Data>;
  /**
   * Signs an owner in, after the application has checked the proof. In a browser where this owner is signed in already, it
   * is a new proof of the same sign-in; if another owner is, their sign-in ends. The browser gets a new token with the
   * answer, and the one before ends. What the request's visitor began is the owner's after it.
   *
   * @throws {VisitError} `unavailable` if the database does not answer. Nobody knows then whether the sign-in exists; its
   * token was not handed out.
   * @throws {SessionsError} `context_invalid` for an owner, a factor or a device that cannot be kept;
   * `configuration_invalid` if the answer's headers have left already.
   * @example
   * const signedIn = await visit.signInAs(user.id, { factors: ["password"] });
   */
  signInAs(owner: string, options: SignInAsOptions): Promise<SignedIn>;
  /**
   * The owner id of this request's visitor, for an application that keeps something for somebody who is not signed in. If
   * there is none yet, the answer sets a cookie with the secret of a new one. Nothing else is kept.
   *
   * @throws {SessionsError} `configuration_invalid` if somebody is signed in, if `visitors` is not true, or if the answer's
   * headers have left already.
   * @example
   * const cart = await loadCart(visit.owner ?? visit.keepVisitor());
   */
  keepVisitor(): string;
  /**
   * Signs the person out of this browser or app. False if nobody is signed in.
   *
   * @throws {VisitError} `unavailable`, or `method_not_allowed` in a GET request with a cookie, like the two below.
   */
  signOut(): Promise<boolean>;
  /** Ends another sign-in of the same owner by its `id`. False if the owner has no such one. */
  revoke(id: string): Promise<boolean>;
  /** Ends all other sign-ins of the owner, and tells how many. */
  revokeOthers(): Promise<number>;
}
