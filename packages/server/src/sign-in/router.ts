import { initTRPC, TRPCError } from "@trpc/server";
import { z } from "zod";
import { SessionsError } from "@sessions/core/internal";
import { isFresh } from "./assurance.ts";
import type { EndReason } from "./keeper/sign-in-keeper.ts";
import type { CheckedOptions } from "./checked-options.ts";
import {
  approveReplyOf,
  approveSchema,
  askReplyOf,
  findReplyOf,
  askSchema,
  claimReplyOf,
  claimSchema,
  codeSchema,
  findSchema,
  iso,
  lookReplyOf,
  noHandOffs,
  offerSchema,
  type ApproveReply,
  type AskReply,
  type ClaimReply,
  type FindReply,
  type LookReply,
  type OfferReply,
} from "./hand-off-router.ts";
import type { VisitHandOffs } from "./visit/visit-hand-offs.ts";
import { RequestVisit } from "./visit/request-visit.ts";
import type { SignInStreams } from "./visit/sign-in-streams.ts";
import { getDataSchema, setDataSchema, unknownKey, type DataReply, type SetDataReply } from "./data-router.ts";
import type { VisitedSignIn } from "./visit/visited-sign-in.ts";

/** Who is signed in, for the page that asks. */
export interface CurrentReply {
  readonly owner: string | null;
  readonly signIn: SignInReply | null;
  /** There if nobody is signed in, and this browser was handed one session of an owner. */
  readonly guest: { readonly owner: string; readonly session: string; readonly endsAt: string } | null;
  /** What the page sends back with each change, in the header `sign-in-csrf`. */
  readonly csrf: string | null;
  /** Why this browser's sign-in ended, if it has and the browser shows its token. */
  readonly ended: { readonly reason: EndReason; readonly at: string } | null;
  /** Whether the request shows a visitor beside the sign-in. The page calls `adopt` then. */
  readonly visitor: boolean;
  /** The server's clock. */
  readonly now: string;
}

/** A sign-in with its times as ISO 8601: hosts may have no transformer. */
export interface SignInReply {
  readonly id: string;
  readonly device: string;
  readonly place: string | null;
  readonly since: string;
  readonly lastUsed: string;
  readonly provedAt: string;
  readonly endsAt: string;
  readonly factors: readonly string[];
  readonly level: VisitedSignIn["level"] | null;
  /** The id of the only session of a guest; null for a sign-in of the owner's own. */
  readonly guestSession: string | null;
  /** Whether it is the one of the request. */
  readonly current: boolean;
}

export interface ListSignInsReply {
  readonly signIns: readonly SignInReply[];
  /** Where the next page begins; null if there is none. */
  readonly next: string | null;
}

/** Whether sign-ins have ended: one, or how many. `refused`: none has, because the last proof is older than `revoke.fresh`. */
export interface RevokeReply<Ended extends boolean | number> {
  readonly ended: Ended;
  readonly refused?: "sign_in_again";
}

/** The most sign-ins of one reply: about 40 kB. */
const MAX_PAGE = 100;

const listSchema = z
  .object({ limit: z.int().min(1).max(MAX_PAGE).default(50), after: z.string().max(500).nullish() })
  .default({ limit: 50 });
const revokeSchema = z.object({ id: z.uuid() });

export type SignInRouter = ReturnType<typeof createSignInRouter>;

/** The tRPC procedures with which a page shows and ends sign-ins. */
export function createSignInRouter(
  { now, revokeFreshMs }: Pick<CheckedOptions, "now" | "revokeFreshMs">,
  streams: SignInStreams,
) {
  const t = initTRPC.context<object>().create();

  const lacksProof = ({ signIn }: RequestVisit) =>
    revokeFreshMs !== undefined && signIn !== null && !isFresh(signIn.provedAt.getTime(), revokeFreshMs, now());

  /** Changes need the page's own value. Cross-site requests were refused before. */
  const change = t.procedure.use(({ ctx, next }) => {
    visitOf(ctx).requireCsrf();
    return next();
  });

  return t.router({
    current: t.procedure.query(({ ctx }): Promise<CurrentReply> =>
      answer(async () => {
        const visit = visitOf(ctx);
        const { owner, signIn, guest, csrf } = visit;
        const ended = await visit.ending();
        return {
          owner,
          signIn: signIn && replyOf(signIn, signIn.id),
          guest: guest && {
            owner: guest.owner,
            session: guest.session,
            endsAt: guest.signIn.endsAt.toISOString(),
          },
          csrf,
          ended: ended && { reason: ended.reason, at: ended.at.toISOString() },
          visitor: visit.hasUnadopted,
          now: new Date(now()).toISOString(),
        };
      }),
    ),

    /** Fails when the sign-in ends. A page without sessions has no other stream. */
    watch: t.procedure.subscription(({ ctx, signal }) => streams.open(visitOf(ctx), signal)),

    list: t.procedure.input(listSchema).query(({ ctx, input }): Promise<ListSignInsReply> =>
      answer(async () => {
        const visit = visitOf(ctx);
        const { signIns, next } = await visit.list({ limit: input.limit, ...(input.after && { after: input.after }) });
        return { signIns: signIns.map((signIn) => replyOf(signIn, visit.signIn?.id)), next };
      }),
    ),

    revoke: change.input(revokeSchema).mutation(({ ctx, input: { id } }): Promise<RevokeReply<boolean>> =>
      answer(async () => {
        const visit = visitOf(ctx);
        if (id !== visit.signIn?.id && lacksProof(visit)) return { ended: false, refused: "sign_in_again" };
        return { ended: await visit.revoke(id) };
      }),
    ),

    revokeOthers: change.mutation(({ ctx }): Promise<RevokeReply<number>> =>
      answer(async () => {
        const visit = visitOf(ctx);
        if (lacksProof(visit)) return { ended: 0, refused: "sign_in_again" };
        return { ended: await visit.revokeOthers() };
      }),
    ),

    data: t.router({
      get: t.procedure.input(getDataSchema).query(({ ctx, input: { key } }): Promise<DataReply> =>
        answer(() => {
          const { data } = visitOf(ctx);
          if (!data.isForPages(key)) throw unknownKey();
          return data.read(key);
        }),
      ),

      set: change.input(setDataSchema).mutation(({ ctx, input: { key, ...made } }): Promise<SetDataReply> =>
        answer(async () => {
          const { data } = visitOf(ctx);
          if (!data.isForPages(key)) throw unknownKey();
          const result = await data.set(key, made);
          return result.status === "refused" ? { status: "refused", ...result.refusal } : result;
        }),
      ),
    }),

    // All are changes, also those that only look: a query's input is in its address, and addresses are logged.
    handOff: t.router({
      offer: change.input(offerSchema).mutation(({ ctx, input }): Promise<OfferReply> =>
        answer(async () => {
          const { letters, endsMs } = await handOffsOf(ctx).offer(input);
          return { letters, endsAt: iso(endsMs) };
        }),
      ),

      find: change
        .input(findSchema)
        .mutation(({ ctx, input }): Promise<FindReply> =>
          answer(async () => findReplyOf(await handOffsOf(ctx).find(input.letters))),
        ),

      ask: change
        .input(askSchema)
        .mutation(({ ctx, input }): Promise<AskReply> =>
          answer(async () => askReplyOf(await handOffsOf(ctx).ask(input.publicKey))),
        ),

      look: change
        .input(codeSchema)
        .mutation(({ ctx, input }): Promise<LookReply> =>
          answer(async () => lookReplyOf(await handOffsOf(ctx).look(input.code))),
        ),

      approve: change.input(approveSchema).mutation(({ ctx, input }): Promise<ApproveReply> =>
        answer(async () => {
          const { code, number, ...handed } = input;
          return approveReplyOf(await handOffsOf(ctx).approve({ code, number, handed }));
        }),
      ),

      decline: change
        .input(codeSchema)
        .mutation(({ ctx, input }): Promise<{ readonly declined: boolean }> =>
          answer(async () => ({ declined: await handOffsOf(ctx).decline(input.code) })),
        ),

      claim: change
        .input(claimSchema)
        .mutation(({ ctx, input }): Promise<ClaimReply> =>
          answer(async () => claimReplyOf(await handOffsOf(ctx).claim(input.id, input.signature))),
        ),
    }),

    /** Called by a page that was a visitor's before the sign-in. */
    adopt: change.mutation(({ ctx }): Promise<{ readonly adopted: boolean }> =>
      answer(async () => ({ adopted: await visitOf(ctx).adopt() })),
    ),

    signOut: change.mutation(({ ctx }): Promise<{ readonly ended: boolean }> =>
      answer(async () => ({ ended: await visitOf(ctx).signOut() })),
    ),
  });
}

/** The visit in a host's context. tRPC does not check the type of that context against a nested router. */
export function visitOf(context: object): RequestVisit {
  const visit = "visit" in context ? context.visit : undefined;
  if (visit instanceof RequestVisit) {
    visit.markPersonal();
    return visit;
  }
  const detail = "The tRPC context has no `visit`. Give `createContext: signIns.context` to tRPC's adapter.";
  const cause = new SessionsError("context_invalid", detail);
  throw new TRPCError({ code: "INTERNAL_SERVER_ERROR", message: cause.message, cause });
}

function handOffsOf(context: object): VisitHandOffs {
  const { handOffs } = visitOf(context);
  if (handOffs === undefined) throw noHandOffs();
  return handOffs;
}

/** Faults were reported where they happened. Their messages hold nothing of a driver. */
async function answer<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SessionsError) {
      throw new TRPCError({ code: "INTERNAL_SERVER_ERROR", message: error.message, cause: error });
    }
    throw error;
  }
}

function replyOf(signIn: VisitedSignIn, current: string | undefined): SignInReply {
  return {
    id: signIn.id,
    device: signIn.device,
    place: signIn.place,
    since: signIn.since.toISOString(),
    lastUsed: signIn.lastUsed.toISOString(),
    provedAt: signIn.provedAt.toISOString(),
    endsAt: signIn.endsAt.toISOString(),
    factors: signIn.factors,
    level: signIn.level ?? null,
    guestSession: signIn.guestSession,
    current: signIn.id === current,
  };
}
