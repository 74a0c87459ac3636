import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import { appRouter, node } from "../../../lib/sessions.ts";
import { userOf } from "../../../lib/sign-in.ts";

function handle(req: Request): Promise<Response> {
  return fetchRequestHandler({
    req,
    router: appRouter,
    endpoint: "/trpc",
    createContext: () => ({ user: userOf(req.headers.get("cookie") ?? undefined) }),
    maxBatchSize: 10,
    // Without this, a page asks again on its open connection, and a node that stops cannot end.
    responseMeta: () => (node.stops ? { headers: { connection: "close" } } : {}),
  });
}

export { handle as GET, handle as POST };
