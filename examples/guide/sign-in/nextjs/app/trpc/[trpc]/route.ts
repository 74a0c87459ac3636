import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import { appRouter, signIns } from "../../../lib/sign-ins.ts";

function handle(req: Request): Promise<Response> {
  return signIns.fetch(req, (visit) =>
    fetchRequestHandler({
      req,
      router: appRouter,
      endpoint: "/trpc",
      createContext: () => ({ visit }),
      maxBatchSize: 10,
    }),
  );
}

export { handle as GET, handle as POST };
