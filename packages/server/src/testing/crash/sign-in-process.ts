import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import { Client, Pool } from "pg";
import { postgresBus } from "../../index.ts";
import { createSignIns } from "../../sign-in/create-sign-ins.ts";

// One node with sign-ins in a process of its own, which its parent may kill at any moment. It tells its address. Its clock
// is that of the requests.

const url = process.env["DATABASE_URL"];
const pool = new Pool({ connectionString: url, max: 4 });
pool.on("error", () => {});
const bus = postgresBus({ client: () => new Client({ connectionString: url }) });
let nowMs = 0;
const signIns = createSignIns({ database: pool, bus, sweeps: false, now: () => nowMs, rotate: "1h" });

/** The body of each answer. */
export interface WhoIsSignedIn {
  readonly owner: string | null;
}

async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
  nowMs = Number(req.headers["x-now"]);
  const visit = await signIns.node(req, res);
  if (!visit) return;
  if (req.method === "POST") {
    const { owner } = (await json(req)) as { readonly owner: string };
    await visit.signInAs(owner, { factors: ["password"] });
  }
  res.end(JSON.stringify({ owner: visit.owner } satisfies WhoIsSignedIn));
}

const server = createServer((req, res) => {
  answer(req, res).catch(() => res.writeHead(500).end());
});
server.listen(0, "127.0.0.1", () => {
  process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
process.once("disconnect", () => process.exit());
