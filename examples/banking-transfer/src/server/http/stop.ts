import type { Server, ServerResponse } from "node:http";
import { setTimeout } from "node:timers/promises";

/** How long a stop waits for unfinished answers, in milliseconds. */
const ANSWER_MS = 5_000;

/** Returns a function that waits for unfinished answers, then closes all connections. */
export function finisher(server: Server): () => Promise<void> {
  const answers = new Set<ServerResponse>();
  server.on("request", (_request, answer) => {
    answers.add(answer);
    answer.once("close", () => answers.delete(answer));
  });
  return async () => {
    for (let waitedMs = 0; answers.size > 0 && waitedMs < ANSWER_MS; waitedMs += 20) await setTimeout(20);
    server.closeAllConnections();
  };
}
