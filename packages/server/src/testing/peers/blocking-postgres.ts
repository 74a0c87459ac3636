import { MessageChannel, receiveMessageOnPort, Worker } from "node:worker_threads";
import { SynchronousDialect } from "../../express-session/keeper/synchronous-dialect.ts";
import type { Answer, Question } from "./postgres-worker.ts";

/**
 * A connection to Postgres that stops the process until Postgres has answered. No application wants this. Some tests of
 * @fastify/session need a store that calls back before its call returns, and so it shows that nothing else fails in them.
 */
export function blockingPostgres(url: string): SynchronousDialect {
  const { port1, port2 } = new MessageChannel();
  const worker = new Worker(new URL("./postgres-worker.ts", import.meta.url), {
    workerData: { url, port: port2 },
    transferList: [port2],
    // Without the preload of this process.
    execArgv: [],
  });
  worker.unref();
  port1.unref();
  return new SynchronousDialect({
    query: <Row>(text: string, values: readonly unknown[]) => {
      const signal = new Int32Array(new SharedArrayBuffer(4));
      port1.postMessage({ text, values, signal } satisfies Question);
      Atomics.wait(signal, 0, 0);
      const { rows, error } = receiveMessageOnPort(port1)!.message as Answer;
      if (error) throw Object.assign(new Error(error.message), error);
      return rows as Row[];
    },
    close: async () => {
      await worker.terminate();
    },
  });
}
