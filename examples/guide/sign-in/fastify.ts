import type { Visit } from "@sessions/server/sign-in";
import { fastifyTRPCPlugin, type FastifyTRPCPluginOptions } from "@trpc/server/adapters/fastify";
import fastify from "fastify";
import { ownerOf } from "./password.ts";
import { appRouter, close, signIns } from "./sign-ins.ts";

declare module "fastify" {
  interface FastifyRequest {
    visit: Visit;
  }
}

await signIns.migrate();

const app = fastify();
await app.register(signIns.fastify({ trpc: "/trpc" }));
app.setErrorHandler(signIns.fastifyErrors());
await app.register(fastifyTRPCPlugin, {
  prefix: "/trpc",
  trpcOptions: {
    router: appRouter,
    createContext: signIns.context,
    maxBatchSize: 10,
  } satisfies FastifyTRPCPluginOptions<typeof appRouter>["trpcOptions"],
});

// tRPC reads JSON by itself, so Fastify's own parser is for the other routes.
await app.register(async (routes) => {
  routes.removeContentTypeParser("application/json");
  routes.addContentTypeParser("application/json", { parseAs: "string" }, routes.getDefaultJsonParser("error", "error"));

  routes.post("/sign-in", async (request, reply) => {
    const owner = ownerOf(request.body);
    if (owner === null) return reply.code(401).send({ refused: "wrong_password" });
    return request.visit.signInAs(owner, { factors: ["password"] });
  });

  routes.get("/account", async ({ visit }, reply) => {
    if (visit.owner === null) return reply.code(401).send();
    return { owner: visit.owner, since: visit.signIn?.since };
  });

  routes.get("/export", async ({ visit }) => {
    visit.requireLevel("aal2");
    return { owner: visit.owner };
  });
});

app.addHook("preClose", async () => signIns.endStreams());
app.addHook("onClose", close);
const { PORT = "3000", HOST = "127.0.0.1" } = process.env;
console.log(`Ready at ${await app.listen({ port: Number(PORT), host: HOST })}`);
process.once("SIGTERM", () => void app.close());
