import { initTRPC, TRPCError } from "@trpc/server";
import { SessionsError } from "@sessions/core/internal";
import { RequestVisit } from "../visit/request-visit.ts";

export const t = initTRPC.context<object>().create();

/** A procedure that changes something. It needs the page's own value. Cross-site requests were refused before. */
export const change = t.procedure.use(({ ctx, next }) => {
  visitOf(ctx).requireCsrf();
  return next();
});

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

/** The answer of a procedure. Faults were reported where they happened. Their messages hold nothing of a driver. */
export async function answer<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SessionsError) {
      throw new TRPCError({ code: "INTERNAL_SERVER_ERROR", message: error.message, cause: error });
    }
    throw error;
  }
}
