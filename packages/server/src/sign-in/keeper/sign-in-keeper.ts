import type { Adoption } from "../../postgres/adoption.ts";
import type { SweepOptions } from "../../repeated-sweeps.ts";
import type { StoredConflict } from "../rows/data-conflicts.ts";
import { NO_DATUM, OF_VISITOR, type DataPlace, type StoredDatum } from "../rows/data.ts";
import type { EndReason, HistoryKind } from "../rows/tables.ts";
import type { DeviceBinding } from "../token/device-binding.ts";
import type { Token } from "../token/token.ts";
import type { HandOffKeeper } from "./hand-offs/hand-off-keeper.ts";
import type { LiveSignIn, SignInSummary } from "./live-sign-in.ts";

export { NO_DATUM, OF_VISITOR };
export type { LiveSignIn, SignInSummary, DataPlace, EndReason, StoredConflict, StoredDatum, Token };

/** What became of a device's proof. */
export type RenewResult =
  | { readonly kind: "proved"; readonly binding: DeviceBinding }
  /** The proof was made for no challenge of the last two. */
  | { readonly kind: "unproved"; readonly binding: DeviceBinding }
  /** The sign-in has ended, or is bound to no device. */
  | { readonly kind: "unbound" };

export interface NewSignIn {
  readonly owner: string;
  readonly factors: readonly string[];
  readonly device: string;
  readonly place: string | null;
  /**
   * The sign-in that the browser presented. If it is this owner's, it goes on, proved anew and with a new secret, and
   * counts for no limit. If it is another owner's, it ends as `replaced`, in the transaction that makes the new one.
   */
  readonly current: LiveSignIn | null;
  /** Visitors whose secrets the browser showed. The transaction gives to the owner what they began. */
  readonly visitors?: readonly string[];
  /** After this time nothing begins any more, unless the commit is under way already. In milliseconds. Default: no end. */
  readonly giveUpAfterMs?: number;
}

export type BeginResult =
  | {
      readonly kind: "begun";
      readonly signIn: LiveSignIn;
      readonly token: Token;
      /** Visitors who began so much that it still moves. `adopt` waits for it. Their secrets are needed until then. */
      readonly moving: readonly string[];
    }
  | { readonly kind: "refused"; readonly code: "sign_in_limit" };

/** What a token is worth now. */
export type CheckResult =
  | {
      readonly kind: "live";
      readonly signIn: LiveSignIn;
      /** The token to hand to the browser in place of the presented one; null if it need not change. */
      readonly offer: Token | null;
      /** Raised with each change of the sign-in's secret. */
      readonly revision: number;
    }
  /** The token was right, and a newer one is in use: an honest browser asks again with its newer cookie. */
  | { readonly kind: "superseded" }
  /** Ended, expired, forged or unknown. They look the same. */
  | { readonly kind: "nobody" };

/** What has ended: one sign-in, or all of all owners. */
export type EndedNotice = { readonly owner: string; readonly publicId: string } | "everybody";

/** What happened to a sign-in, as its owner may see it. */
export interface SignInHistoryItem {
  readonly publicId: string;
  /** The number of the entry in the sign-in's history, from 1. */
  readonly entry: number;
  readonly kind: HistoryKind;
  readonly atMs: number;
  readonly device: string;
  readonly place: string | null;
  readonly factors: readonly string[];
  /** The sign-in that caused it, by its public id; null if none did. */
  readonly by: string | null;
  /** The kind of the signal; null for another entry. */
  readonly signal: string | null;
}

/** The most rows of a page, and where it begins: after the last row of the page before, by that page's `next`. */
export interface ListPageRequest {
  readonly limit?: number;
  readonly after?: string;
}

export interface ListPage<Row> {
  readonly rows: readonly Row[];
  /** Where the next page begins; null when there is none. */
  readonly next: string | null;
}

/** The next version of a value. */
export interface DataChange {
  /** The version that it was made of. */
  readonly base: number;
  /** The value as JSON; null removes it. */
  readonly text: string | null;
  /** A UUID of its own. A repeat of the same change has the same one. */
  readonly change: string;
  /** The ids of values that wait beside this one, and that the change decides about. */
  readonly resolves?: readonly string[] | undefined;
}

export type DataChangeResult =
  | { readonly kind: "changed"; readonly version: number }
  /** Another change came first. */
  | { readonly kind: "conflict"; readonly stored: StoredDatum }
  /** The value is of a sign-in that has ended, or of a visitor whom an owner has adopted. */
  | { readonly kind: "signed_out" };

/**
 * Keeps sign-ins: in Postgres, and in this node's cache for as long as the cache may be believed. Each method throws
 * `database_unreachable` if Postgres is needed and does not answer; `check` within two seconds.
 */
export interface SignInKeeper {
  /**
   * Tells what a token is worth. While the cache may be believed and nothing is to be written, it costs no statement, and
   * the answer is there at once, without a promise.
   */
  check(token: Token): CheckResult | Promise<CheckResult>;

  /** Why and when the sign-in of this token ended, if its secret is right; else null. */
  endOf(token: Token): Promise<{ readonly ending: EndReason; readonly atMs: number } | null>;

  /** Signs an owner in, or notes a new proof. The token exists once this resolves. */
  begin(input: NewSignIn): Promise<BeginResult>;

  /** Adds a part of the server that keeps something for visitors. */
  adopts(part: Adoption): void;

  /**
   * Gives to the owner of a sign-in all that visitors began. Gives those of them whom the owner has, now or before. Null if
   * the sign-in has ended.
   */
  adopt(signIn: LiveSignIn, visitors: readonly string[]): Promise<ReadonlySet<string> | null>;

  /**
   * Whether this node knows that a sign-in ended, of which a copy was made at this time. It asks nobody. A node
   * remembers the last 50,000 ends.
   */
  knowsEnd(sealed: { readonly publicId: string; readonly sealedMs: number }): boolean;

  /**
   * Whether this node knows that a sign-in got a new secret after this revision, or that it ended after this check. It
   * asks nobody.
   */
  knowsChange(checked: { readonly publicId: string; readonly revision: number; readonly checkedMs: number }): boolean;

  /** The live sign-ins of an owner, the newest first. */
  list(owner: string, page?: ListPageRequest): Promise<ListPage<SignInSummary>>;

  /**
   * Ends one sign-in of an owner. False if the owner has no such live one: another owner's looks the same.
   * `by` is the sign-in from which it is ended.
   */
  end(
    owner: string,
    publicId: string,
    ending: "signed_out" | "revoked" | "session_ended",
    by?: SignInSummary,
  ): Promise<boolean>;

  /** Ends all other sign-ins of the same owner, and tells how many. */
  endOthers(signIn: LiveSignIn): Promise<number>;

  /** Ends all sign-ins of an owner, and tells how many. */
  endAll(owner: string): Promise<number>;

  /** Ends all sign-ins of all owners at once, then moves their rows in batches. Tells how many. */
  endEverybody(onProgress?: (ended: number) => void): Promise<number>;

  /**
   * Calls the listener when sign-ins end, by this node or another. It may be called more than once for one end. Gives a
   * function that ends the calls.
   */
  onEnded(listener: (ended: EndedNotice) => void): () => void;

  /** What happened to the sign-ins of an owner, the newest first. */
  history(owner: string, page?: ListPageRequest): Promise<ListPage<SignInHistoryItem>>;

  /** Hand-offs to other devices. */
  readonly handOffs: HandOffKeeper;

  /** Notes that a request did not fit its sign-in. `kind` is a word of the application's or this package's code. */
  noteSignal(signIn: LiveSignIn, kind: string): Promise<void>;

  /** Binds a sign-in to the key of a device. Null if it has ended, or is bound to another key. */
  bindDevice(signIn: LiveSignIn, key: string): Promise<DeviceBinding | null>;

  /** Takes the proof of a device, by the challenge that its bound key has signed. Null for the challenge: it has none. */
  renewDevice(signIn: LiveSignIn, challenge: string | null): Promise<RenewResult>;

  /** The value at a place, from the database. Null if an owner has adopted the visitor of the place. */
  readData(place: DataPlace): Promise<StoredDatum | null>;

  /** The values that visitors brought to a place that had another one, the oldest first. At most ten. */
  listDataConflicts(place: DataPlace): Promise<readonly StoredConflict[]>;

  /** Changes the value at a place, if it still has the version `base`. */
  changeData(place: DataPlace, change: DataChange): Promise<DataChangeResult>;

  /** Moves expired sign-ins to the archive until none is left. Tells how many. They are out already at their deadline. */
  sweep(options?: SweepOptions): Promise<number>;

  /** Makes the tables, or brings them up to date. */
  migrate(): Promise<void>;

  /** @throws {SessionsError} `database_not_migrated` or `database_newer`. */
  checkMigrated(): Promise<void>;

  /** Writes the touches that wait, and closes the timers and the bus's listener. */
  close(): Promise<void>;
}
