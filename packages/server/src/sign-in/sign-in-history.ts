import type { FeedSource } from "../projections/source.ts";
import type { EndReason } from "./keeper/sign-in-keeper.ts";
import type { SignInHistoryBody } from "./rows/history.ts";
import type { HistoryKind } from "./rows/tables.ts";

interface EntryCommon {
  readonly owner: string;
  /** The public id of the sign-in. */
  readonly signIn: string;
  /** 1, 2, 3, …: its place in the history of the sign-in. */
  readonly number: number;
  /** When it happened, as ISO 8601 in UTC. */
  readonly at: string;
  /** The name of the device. */
  readonly device: string;
  readonly place: string | null;
  /** How the owner has proved who they are: `"pwd"`, `"otp"`, … */
  readonly factors: readonly string[];
  /** The sign-in that caused it, by its public id. */
  readonly by: string | null;
}

/** An entry of the history of a sign-in, as a projection gets it. */
export type SignInEntry = EntryCommon &
  (
    | { readonly type: Exclude<HistoryKind, EndReason | "signal"> }
    | { readonly type: "signal"; readonly signal: string }
    /** The sign-in has ended. No entry comes after it. */
    | { readonly type: "ended"; readonly reason: EndReason }
  );

/** The kinds of entries after which others may come. */
const openKinds = {
  signed_in: true,
  handed_off: true,
  proved: true,
  bound: true,
  signal: true,
} as const satisfies Record<Exclude<HistoryKind, EndReason>, true>;

// Written by this package.
const bodyOf = (text: string) => JSON.parse(text) as SignInHistoryBody;
const isEnd = (kind: HistoryKind): kind is EndReason => !Object.hasOwn(openKinds, kind);

/**
 * The history of all sign-ins, as the source of a projection. It holds no token.
 *
 * @example
 * project(signInHistory(), {
 *   name: "new_device_mail",
 *   begins: "now",
 *   handle: async ({ type, owner, device }, { tx }) => {
 *     if (type === "signed_in") await tx.insertInto("outbox").values({ owner, device }).execute();
 *   },
 * })
 */
export function signInHistory(): FeedSource<SignInEntry> {
  return {
    name: "sign-ins",
    table: "sign_in_event",
    stream: "sign_in_id",
    number: "entry",
    at: "at",
    key: { owner_id: "text", sign_in_id: "uuid", entry: "integer", at: "timestamptz" },
    body: "event.body::text",
    isLast: ({ body }) => isEnd(bodyOf(body).kind),
    read({ owner, body: text }) {
      const { signIn, entry: number, kind, at, device, place, factors, by, signal } = bodyOf(text);
      const common = { owner, signIn, number, at, device, place, factors, by };
      if (isEnd(kind)) return { ...common, type: "ended", reason: kind };
      return kind === "signal" ? { ...common, type: kind, signal: signal! } : { ...common, type: kind };
    },
  };
}
