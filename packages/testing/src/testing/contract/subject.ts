import { randomBytes } from "node:crypto";
import type { Pool } from "pg";
import { initTRPC, type AnyRouter } from "@trpc/server";
import { fetchRequestHandler } from "@trpc/server/adapters/fetch";
import { createSessions, keysFromEnvironment, serve as serveOnPostgres, type IdentifyResult } from "@sessions/server";
import { createTestServer, serve } from "../../index.ts";
import { servedBy } from "./flows.ts";

/** Who is signed in: nobody if it is undefined. */
export type SignedIn =
  | { readonly owner: string; readonly provedAt?: number; readonly guest?: { readonly session: string } }
  | undefined;

/** A server that the contract runs against, over HTTP. */
export interface Subject {
  fetch(request: Request): Promise<Response>;
  signIn(who: SignedIn): void;
  /** Serves the flows' first versions, or the next ones. */
  deploy(version: "first" | "next"): void;
}

/** The real server, over Postgres: a node for each version. */
export async function postgresSubject(pool: Pool, now: () => number): Promise<Subject & { close(): Promise<void> }> {
  const t = initTRPC.context<object>().create();
  const flows = servedBy((flow, options) => serveOnPostgres(flow, options as never));
  const keys = keysFromEnvironment(randomBytes(32).toString("base64url"));
  let signedIn: SignedIn;
  let version: "first" | "next" = "first";
  const nodeOf = (served: typeof flows.first) => {
    const identify = (): IdentifyResult => signedIn;
    return createSessions({ database: pool, identify, keys, flows: served, now, sweeps: false, onError: () => {} });
  };
  const nodes = { first: nodeOf(flows.first), next: nodeOf(flows.next) };
  await nodes.first.migrate();
  const routers = Object.fromEntries(
    Object.entries(nodes).map(([name, { router }]) => [name, t.router({ sessions: router }) as AnyRouter]),
  );
  return {
    fetch: (req) =>
      fetchRequestHandler({ endpoint: "/trpc", req, router: routers[version]!, createContext: () => ({}) }),
    signIn: (who) => (signedIn = who),
    deploy: (next) => (version = next),
    close: async () => void (await Promise.all(Object.values(nodes).map((node) => node.close()))),
  };
}

/** The server of this package. */
export function memorySubject(now: () => number): Subject {
  const flows = servedBy((flow, options) => serve(flow, options as never));
  const server = createTestServer({ flows: flows.first, now, onError: () => {} });
  return {
    fetch: (request) => server.fetch(request),
    signIn: (who) => (who === undefined ? server.signOut() : server.signIn(who)),
    deploy: (version) => server.deploy(flows[version]),
  };
}
