import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import { appRouter, signIns } from "../../../lib/sign-ins.ts";

function handle(req: Request): Promise<Response> {
  return signIns.trpc(req, () =>
    fetchRequestHandler({
      req,
      router: appRouter,
      endpoint: "/trpc",
      createContext: signIns.context,
      maxBatchSize: 10,
    }),
  );
}

export { handle as GET, handle as POST };
