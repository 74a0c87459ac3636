import { TRPCError } from "@trpc/server";
import type { SessionsError } from "@sessions/core/internal";
import type { OwnerConnections } from "../postgres/connection/owner-connections.ts";
import { guestProcedures } from "./configuration/guest.ts";
import type { Identity } from "./configuration/identity.ts";
import type { ReplyRateLimit } from "./reads/reply-rate-limit.ts";
import { trpcErrorOf } from "./trpc-errors.ts";

export interface CallsOptions {
  readonly replyRateLimit: ReplyRateLimit;
  /** Who makes a request; undefined when nobody is signed in. */
  readonly identityOf: (context: object) => Promise<Identity | undefined>;
  /** Whether an owner is a visitor whom somebody has adopted. */
  readonly isAdopted: (owner: string) => Promise<boolean>;
  readonly report: (error: SessionsError) => void;
  readonly ownerConnections: OwnerConnections;
  /** The calls that are not answered yet. */
  readonly inFlight: Set<Promise<unknown>>;
}

/** One call of a procedure. A request may have several. */
export interface Call {
  readonly ctx: object;
  readonly input: { readonly owner?: string | undefined };
}

type Procedure = keyof typeof guestProcedures;

/** Finds who calls a procedure, and turns the faults of the answer into errors of tRPC. */
export interface Calls {
  /** Who makes a call. If the client names the owner that it expects, it must be the same. */
  identify(call: Call, procedure: Procedure): Promise<Identity>;
  /** Fails for a visitor whom somebody has adopted. It is asked after the answer was found: what was found before the adoption stands. */
  requireOwner(owner: string): Promise<void>;
  /** Answers a call for its owner. */
  answer<T>(call: Call, procedure: Procedure, work: (identity: Identity) => Promise<T>): Promise<T>;
  /** Runs a part of an answer, with the owner's share of the database's connections. */
  run<T>(work: () => Promise<T>, owner?: string): Promise<T>;
}

export function createCalls(options: CallsOptions): Calls {
  const { replyRateLimit, identityOf, isAdopted, report, ownerConnections, inFlight } = options;

  async function identify({ ctx, input }: Call, procedure: Procedure): Promise<Identity> {
    const identity = await identityOf(ctx);
    if (identity === undefined) throw unauthorized("Sign in first.");
    if (input.owner !== undefined && input.owner !== identity.owner) throw unauthorized("Somebody else is signed in.");
    if (identity.guest && guestProcedures[procedure] !== "own") throw unauthorized("A guest may not do this.");
    return identity;
  }

  async function requireOwner(owner: string): Promise<void> {
    if (await isAdopted(owner)) throw unauthorized("This visitor has signed in.");
  }

  async function run<T>(work: () => Promise<T>, owner?: string): Promise<T> {
    const running = ownerConnections.run(work, owner);
    inFlight.add(running);
    try {
      return await running;
    } catch (error) {
      throw trpcErrorOf(error, report);
    } finally {
      inFlight.delete(running);
    }
  }

  return {
    identify,
    requireOwner,
    run,
    answer: (call, procedure, work) =>
      replyRateLimit.answer(call.ctx, () =>
        run(async () => {
          const identity = await identify(call, procedure);
          const reply = await work(identity);
          await requireOwner(identity.owner);
          return reply;
        }),
      ),
  };
}

const unauthorized = (message: string) => new TRPCError({ code: "UNAUTHORIZED", message });
