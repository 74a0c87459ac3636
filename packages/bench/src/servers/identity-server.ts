import { createServer } from "node:http";
import { Client, Pool } from "pg";
import { postgresBus } from "@sessions/server";
import { createSignIns } from "@sessions/server/sign-in";
import { throughput } from "../rounds.ts";
import { POOL_SIZE } from "./database.ts";
import { directCall } from "./direct-call.ts";
import { startListening } from "./http-server.ts";
import { countStatements } from "./statement-count.ts";
import {
  betterAuthIdentity,
  expressIdentity,
  ironIdentity,
  ourIdentity,
  uncheckedIdentity,
} from "./identity-checks.ts";

/** What the process that measures asks this one. */
export type IdentityQuestion =
  | { readonly kind: "usage" }
  /** Calls the handler without a server, from so many callers at once. */
  | { readonly kind: "direct"; readonly callers: number; readonly ms: number };

/** Ways to know who is signed in. */
export type CheckName = keyof typeof makers;

/** What this process has used since it began. */
export interface Usage {
  /** Processor time, in microseconds. */
  readonly processorUs: number;
  readonly statements: number;
  readonly calls: number;
}

/** How many people are signed in. */
const PEOPLE = 1_000;

const makers = {
  none: () => Promise.resolve(uncheckedIdentity()),
  ours: async (pool: Pool, databaseUrl: string) => {
    const bus = postgresBus({ client: () => new Client({ connectionString: databaseUrl }) });
    const signIns = createSignIns({ database: pool, bus, sweeps: false });
    await signIns.migrate();
    return ourIdentity(signIns);
  },
  express: (pool: Pool) => Promise.resolve(expressIdentity(pool, { touches: true })),
  expressWithoutTouch: (pool: Pool) => Promise.resolve(expressIdentity(pool, { touches: false })),
  betterAuth: (pool: Pool) => betterAuthIdentity(pool, { caches: false }),
  betterAuthCached: (pool: Pool) => betterAuthIdentity(pool, { caches: true }),
  iron: () => Promise.resolve(ironIdentity()),
};

const statements = countStatements();
const [name, databaseUrl] = process.argv.slice(2) as [CheckName, string];
const pool = new Pool({ connectionString: databaseUrl, max: POOL_SIZE });
pool.on("error", () => {});
const { handler, signIn } = await makers[name](pool, databaseUrl);
const cookies = await signIn(PEOPLE);

let calls = 0;
// This process has nothing else to do.
const server = await startListening(
  createServer((req, res) => {
    calls += 1;
    handler(req, res).catch((error: unknown) => res.destroy(error as Error));
  }),
);

async function callDirectly({ callers, ms }: Extract<IdentityQuestion, { kind: "direct" }>): Promise<void> {
  let next = 0;
  await throughput(callers, ms, async () => {
    const call = directCall({ cookie: cookies[(next = (next + 1) % PEOPLE)]! });
    await handler(call.req, call.res);
    const body = await call.ended;
    if (!body.includes("person-")) throw new Error(body);
    calls += 1;
  });
}

process.on("message", (question: IdentityQuestion) => {
  const done = question.kind === "direct" ? callDirectly(question) : Promise.resolve();
  void done.then(() => {
    const { user, system } = process.cpuUsage();
    process.send?.({ processorUs: user + system, statements: statements.count(), calls } satisfies Usage);
  });
});
process.send?.({ url: server.url, cookies });
