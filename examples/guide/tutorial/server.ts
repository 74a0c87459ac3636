import { PGlite } from "@electric-sql/pglite";
import { createSessions, maxOpenSessions, serve, type Generated } from "@sessions/server";
import { initTRPC } from "@trpc/server";
import { createExpressMiddleware } from "@trpc/server/adapters/express";
import express from "express";
import { repair } from "./flow.ts";

declare module "@sessions/server" {
  interface ApplicationTables {
    ticket: { id: Generated<number>; session: string; owner: string; model: string; problem: string };
  }
}

// A Postgres inside this process. Its files are in the folder "data".
const database = await PGlite.create("data");
await database.exec(`
  create table if not exists ticket (
    id integer generated always as identity primary key,
    session uuid not null unique,
    owner text not null,
    model text not null,
    problem text not null
  )
`);

const sessions = createSessions({
  database,
  // Every visitor is Ada. Name your signed-in user here.
  identify: () => ({ owner: "ada" }),
  flows: [
    serve(repair, {
      limits: [maxOpenSessions({ atMost: 10 })],
      complete: async ({ data, owner, session, tx }) => {
        const { id } = await tx
          .insertInto("ticket")
          .values({ session: session.id, owner, ...data.bike })
          .returning("id")
          .executeTakeFirstOrThrow();
        return { ticket: id };
      },
    }),
  ],
});
await sessions.migrate();

const router = initTRPC.create().router({ sessions: sessions.router });
const app = express();
app.use("/trpc", createExpressMiddleware({ router, maxBatchSize: 10 }));
app.use(express.static("dist"));
const { PORT = "3000", HOST = "localhost" } = process.env;
const server = app.listen(Number(PORT), HOST, () => console.log(`Ready at http://${HOST}:${PORT}`));

async function stop() {
  server.close();
  await sessions.close(); // what was taken is answered, and the streams end
  server.closeAllConnections();
  await database.close();
}
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void stop());
