import type { Projections } from "@sessions/server/projections";
import type { SignIns, Visit } from "@sessions/server/sign-in";
import { initTRPC, TRPCError } from "@trpc/server";
import type { Kysely } from "kysely";
import { z } from "zod";
import { PROOF_ABOVE_CENTS } from "../limits.ts";
import { accountOf, type BankTables } from "./ledger.ts";
import { nameBrowser } from "./sign-in/browser-name.ts";
import { createPasswordCheck } from "./sign-in/password-check.ts";
import { spending, spentInMonth } from "./spending.ts";
import { addStandingOrder } from "./standing-orders.ts";
import type { createTransfers } from "./transfers.ts";
import { latestVisits, type VisitActivity } from "./visits.ts";

/** What the procedures know of a request. */
export interface Context {
  readonly visit: Visit;
  /** The address that the request comes from. */
  readonly address: string;
}

export type AppRouter = ReturnType<typeof createRouter>;

interface RouterParts {
  readonly sessions: ReturnType<typeof createTransfers>;
  readonly signIns: SignIns;
  readonly db: Kysely<BankTables>;
  readonly projections: Pick<Projections, "caughtUp">;
  readonly visits: VisitActivity;
  readonly now: () => number;
}

/** The procedures of the bank, with those of its sessions and its sign-ins. */
export function createRouter({ sessions, signIns, db, projections, visits, now }: RouterParts) {
  const isRight = createPasswordCheck(db);
  const t = initTRPC.context<Context>().create({ isDev: false });
  return t.router({
    sessions: sessions.router,
    signIns: signIns.router,
    /** False for a wrong password, and for an unknown person. */
    signIn: t.procedure
      .input(
        z.object({
          id: z
            .string()
            .max(100)
            .regex(/^[\w-]*$/),
          password: Password,
          device: z.string().trim().min(1).max(40).default("Browser"),
        }),
      )
      .mutation(async ({ ctx, input }) => {
        if (!(await isRight({ ...input, address: ctx.address }))) return false;
        const { owner, signIn } = ctx.visit;
        const isSame = signIn && owner === input.id;
        const device = isSame ? signIn.device : await nameBrowser(signIns, input.id, input.device);
        // It is not refused: beyond the limit the oldest one ends.
        await ctx.visit.signInAs(input.id, { factors, device });
        return true;
      }),
    /** The person who is signed in gives the password again. False if it is wrong. */
    prove: t.procedure.input(z.object({ password: Password })).mutation(async ({ ctx, input }) => {
      const { owner, signIn } = signedIn(ctx);
      if (!(await isRight({ id: owner, password: input.password, address: ctx.address }))) return false;
      await ctx.visit.signInAs(owner, { factors, device: signIn.device });
      return true;
    }),
    /** Orders a transfer on a later day. The person has signed in with a password, which is the proof. Gives the id of the transfer. */
    orderLater: t.procedure.input(Order).mutation(async ({ ctx, input: { dueMs, ...order } }) => {
      const { owner, signIn } = signedIn(ctx);
      await addStandingOrder(db, { ...order, owner, orderedMs: signIn.provedAt.getTime() }, dueMs);
      return order.session;
    }),
    account: t.procedure.query(async ({ ctx }) => {
      const { owner } = signedIn(ctx);
      visits.recordSoon(owner, "balance_viewed", {});
      return accountOf(db, owner);
    }),
    /** What the person has sent in this month, with the transfer that has just ended. */
    sent: t.procedure.input(z.object({ ended: z.uuid().nullable() })).query(async ({ ctx, input: { ended } }) => {
      const { owner } = signedIn(ctx);
      if (ended !== null) {
        const transfer = { owner, session: ended };
        // If it takes longer, the sum lacks this transfer until the page asks again.
        await projections.caughtUp(spending.name, transfer, { timeMs: CAUGHT_UP_MS }).catch(() => {});
      }
      return spentInMonth(db, owner, now());
    }),
    visits: t.procedure.query(({ ctx }) => latestVisits(visits, signedIn(ctx).owner)),
  });
}

/** How long a page waits for the sums, in milliseconds. */
const CAUGHT_UP_MS = 2_000;

const Order = z.object({
  session: z.uuidv7().lowercase(),
  recipient: z.string().trim().min(1).max(70),
  iban: z.string().max(60),
  // A larger amount asks for a password on the day itself.
  cents: z.int().positive().max(PROOF_ABOVE_CENTS),
  /** The day, in milliseconds since 1970. */
  dueMs: z.int().positive(),
});

const Password = z.string().max(200);
const factors = ["password"] as const;

function signedIn({ visit: { owner, signIn } }: Context) {
  if (owner === null || signIn === null) throw new TRPCError({ code: "UNAUTHORIZED" });
  return { owner, signIn };
}
