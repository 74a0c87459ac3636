import type { Server, ServerResponse } from "node:http";
import { setTimeout } from "node:timers/promises";
import { pool, sessions, signIns } from "./sessions.ts";

/** Returns a function that ends the streams and waits at most five seconds for unfinished answers. */
export function finisher(server: Server): () => Promise<void> {
  const answers = new Set<ServerResponse>();
  server.on("request", (_request, answer) => {
    answers.add(answer);
    answer.once("close", () => answers.delete(answer));
  });
  return async () => {
    await sessions.close();
    for (let turns = 0; answers.size > 0 && turns < 250; turns += 1) await setTimeout(20);
    await signIns.close();
  };
}

/** Stops the server and its process on SIGTERM and Ctrl+C. */
export function stopOnSignal(server: Server): void {
  const finish = finisher(server);
  const stop = async () => {
    server.close(); // no new connections
    await finish();
    server.closeAllConnections(); // those that browsers keep for later
    await pool.end();
  };
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void stop());
}
