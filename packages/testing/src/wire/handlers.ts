import { initTRPC, type TRPCDataTransformer } from "@trpc/server";
import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import type { Network } from "./network.ts";
import type { TestRouter } from "./router.ts";

export interface AnswerOptions {
  readonly router: TestRouter;
  readonly network: Network;
  /** Where the router is mounted, such as "sessions". */
  readonly mount: string;
  readonly transformer: TRPCDataTransformer | undefined;
}

/** Answers a request, as tRPC's own adapter does. Undefined for a request of another procedure. */
export type Answer = (request: Request) => Promise<Response> | undefined;

export function createAnswer({ router, network, mount, transformer }: AnswerOptions): Answer {
  const t = initTRPC.create({ ...(transformer && { transformer }), allowOutsideOfServer: true });
  // A mount has levels: "flows.sessions".
  const mounted = mount
    .split(".")
    .reduceRight<Parameters<typeof t.router>[0][string]>(
      (inner, name) => t.router({ [name]: inner }),
      router,
    ) as unknown as TestRouter;
  return (request) => {
    const { pathname } = new URL(request.url);
    const [endpoint, paths] = [
      pathname.slice(0, pathname.lastIndexOf("/")),
      pathname.slice(pathname.lastIndexOf("/") + 1),
    ];
    const procedures = decodeURIComponent(paths).split(",");
    if (!procedures.some((path) => path.startsWith(`${mount}.`))) return undefined;
    const isPush = procedures.includes(`${mount}.push`);
    return network.carry(isPush, () => fetchRequestHandler({ req: request, endpoint, router: mounted }));
  };
}
