import { fastifyTRPCPlugin, type FastifyTRPCPluginOptions } from "@trpc/server/adapters/fastify";
import fastify from "fastify";
import { appRouter, migrate, pool, signIns } from "./sessions.ts";
import { finisher } from "./stop.ts";

await migrate();

const app = fastify({ routerOptions: { maxParamLength: 5_000 }, bodyLimit: 1024 * 1024, forceCloseConnections: true });
await app.register(fastifyTRPCPlugin, {
  prefix: "/trpc",
  trpcOptions: {
    router: appRouter,
    createContext: signIns.context,
    maxBatchSize: 10,
  } satisfies FastifyTRPCPluginOptions<typeof appRouter>["trpcOptions"],
});
app.addHook("preClose", finisher(app.server)); // before all connections are closed
app.addHook("onClose", () => pool.end());

const { PORT = "3000", HOST = "127.0.0.1" } = process.env;
console.log(`Ready at ${await app.listen({ port: Number(PORT), host: HOST })}`);
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void app.close());
