import { freePort } from "../embedded/postgres-server.ts";
import { installedVersion, startServer } from "../connections/local-server.ts";

/** The version of the Redis on this machine; undefined when there is none. */
export function redisVersion(): string | undefined {
  return installedVersion("redis-server", /v=(\S+)/);
}

/** Starts a Redis that keeps nothing on disk. */
export async function startRedis(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const port = await freePort();
  const args = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
  const { stop } = await startServer("redis-server", args, port);
  return { url: `redis://127.0.0.1:${port}`, stop };
}
