import { z } from "zod";
import { isFresh } from "../assurance.ts";
import type { CheckedOptions } from "../options/checked-options.ts";
import type { RequestVisit } from "../visit/request-visit.ts";
import type { SignInStreams } from "../visit/sign-in-streams.ts";
import { dataRouter } from "./data-router.ts";
import { handOffRouter } from "./hand-off-router.ts";
import { answer, change, t, visitOf } from "./procedures.ts";
import {
  currentReplyOf,
  signInReplyOf,
  type CurrentReply,
  type ListSignInsReply,
  type RevokeReply,
} from "./sign-in-replies.ts";

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
  const lacksProof = ({ signIn }: RequestVisit) =>
    revokeFreshMs !== undefined && signIn !== null && !isFresh(signIn.provedAt.getTime(), revokeFreshMs, now());

  return t.router({
    current: t.procedure.query(({ ctx }): Promise<CurrentReply> => answer(() => currentReplyOf(visitOf(ctx), now()))),

    /** Fails when the sign-in ends. A page without sessions has no other stream. */
    watch: t.procedure.subscription(({ ctx, signal }) => streams.open(visitOf(ctx), signal)),

    list: t.procedure.input(listSchema).query(({ ctx, input }): Promise<ListSignInsReply> =>
      answer(async () => {
        const visit = visitOf(ctx);
        const { signIns, next } = await visit.list({ limit: input.limit, ...(input.after && { after: input.after }) });
        return { signIns: signIns.map((signIn) => signInReplyOf(signIn, visit.signIn?.id)), next };
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

    data: dataRouter,

    handOff: handOffRouter,

    /** Called by a page that was a visitor's before the sign-in. */
    adopt: change.mutation(({ ctx }): Promise<{ readonly adopted: boolean }> =>
      answer(async () => ({ adopted: await visitOf(ctx).adopt() })),
    ),

    signOut: change.mutation(({ ctx }): Promise<{ readonly ended: boolean }> =>
      answer(async () => ({ ended: await visitOf(ctx).signOut() })),
    ),
  });
}
