import { TRPCError } from "@trpc/server";
import { z } from "zod";
import type { VisitHandOffs } from "../visit/visit-hand-offs.ts";
import {
  approveReplyOf,
  askReplyOf,
  claimReplyOf,
  findReplyOf,
  iso,
  lookReplyOf,
  type ApproveReply,
  type AskReply,
  type ClaimReply,
  type FindReply,
  type LookReply,
  type OfferReply,
} from "./hand-off-replies.ts";
import { answer, change, t, visitOf } from "./procedures.ts";

const code = z.string().regex(/^[\w-]{22}$/);
const base64url = (bytes: number) => z.string().regex(new RegExp(`^[\\w-]{${Math.ceil((bytes * 4) / 3)}}$`));

const handed = {
  session: z.uuid(),
  flow: z.string().min(1).max(100),
  step: z.string().min(1).max(100).nullable().default(null),
};

const offerSchema = z.object(handed);
const findSchema = z.object({ letters: z.string().max(40) });
const askSchema = z.object({
  publicKey: z.object({
    kty: z.literal("EC"),
    crv: z.literal("P-256"),
    x: base64url(32),
    y: base64url(32),
  }),
});
const codeSchema = z.object({ code });
const approveSchema = z.object({ ...handed, code, number: z.int().min(0).max(99) });
const claimSchema = z.object({ id: base64url(32), signature: base64url(64) });

/** The procedures of hand-offs. All are changes, also those that only look: a query's input is in its address, and addresses are logged. */
export const handOffRouter = t.router({
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
});

function handOffsOf(context: object): VisitHandOffs {
  const { handOffs } = visitOf(context);
  if (handOffs === undefined) throw noHandOffs();
  return handOffs;
}

/** The answer of an application that hands nothing off. */
function noHandOffs(): TRPCError {
  return new TRPCError({ code: "NOT_FOUND", message: "Set the option `handOff` of `createSignIns`." });
}
