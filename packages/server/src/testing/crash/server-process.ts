import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { initTRPC } from "@trpc/server";
import { createHTTPHandler } from "@trpc/server/adapters/standalone";
import { Client, Pool } from "pg";
import { keysFromEnvironment, postgresBus, type Sessions } from "../../index.ts";
import { createBank, type Context } from "../bank.ts";

// One node of the bank in a process of its own, which its parent may kill at any moment. It tells its address. With
// SESSIONS_KEYS it seals everything.

const url = process.env["DATABASE_URL"];
const pool = new Pool({ connectionString: url, max: 6 });
pool.on("error", () => {});
const { SESSIONS_KEYS: keys } = process.env;
const sealing = keys === undefined ? {} : { keys: keysFromEnvironment(keys), encrypt: "all" as const };
const bus = postgresBus({ client: () => new Client({ connectionString: url }) });
const server = createServer(
  createHTTPHandler({
    router: routerOf(createBank(pool, { bus, ...sealing })),
    basePath: "/trpc/",
    createContext: ({ req }): Context => ({ user: String(req.headers["x-user"]) }),
  }),
);
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address() as AddressInfo;
  process.send?.(`http://127.0.0.1:${port}/trpc`);
});
process.once("disconnect", () => process.exit());

export type NodeRouter = ReturnType<typeof routerOf>;

function routerOf(sessions: Sessions) {
  const t = initTRPC.context<Context>().create();
  return t.router({ sessions: sessions.router });
}
