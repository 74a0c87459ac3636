import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { json } from "node:stream/consumers";
import { createHTTPHandler } from "@trpc/server/adapters/standalone";
import { ownerOf } from "./password.ts";
import { appRouter, close, signIns } from "./sign-ins.ts";

await signIns.migrate();

const trpc = createHTTPHandler({
  router: appRouter,
  basePath: "/trpc/",
  createContext: signIns.context,
  maxBatchSize: 10,
});

async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
  if (req.url?.startsWith("/trpc/")) return trpc(req, res);
  const visit = await signIns.node(req, res);
  if (!visit) return; // The request was refused, and is answered.
  if (req.method === "POST" && req.url === "/sign-in") {
    const owner = ownerOf(await json(req).catch(() => null));
    if (owner === null) return send(res, 401, { refused: "wrong_password" });
    return send(res, 200, await visit.signInAs(owner, { factors: ["password"] }));
  }
  if (visit.owner === null) return send(res, 401, {});
  if (req.url === "/export") {
    visit.requireLevel("aal2");
    return send(res, 200, { owner: visit.owner });
  }
  return send(res, 200, { owner: visit.owner, since: visit.signIn?.since });
}

function send(res: ServerResponse, status: number, body: unknown): void {
  res.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

const server = createServer((req, res) => {
  answer(req, res).catch((error: unknown) => {
    if (signIns.refuse(res, error)) return;
    console.error(error);
    if (res.headersSent) res.destroy();
    else send(res, 500, {});
  });
});
const { PORT = "3000", HOST = "localhost" } = process.env;
server.listen(Number(PORT), HOST, () => console.log(`Ready at http://${HOST}:${PORT}`));
process.once("SIGTERM", () => {
  signIns.endStreams();
  server.close(() => void close());
  // A page keeps its connection, and would ask again over it.
  setInterval(() => server.closeIdleConnections(), 100).unref();
});
