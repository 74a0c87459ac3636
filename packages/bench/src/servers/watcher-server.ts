import { Pool } from "pg";
import { createNode } from "./application.ts";
import { POOL_SIZE } from "./database.ts";
import { serveTrpc } from "./http-server.ts";

// A node alone in its process, so that all memory of the process is its own. To the message "memory" it answers in bytes.
const pool = new Pool({ connectionString: process.argv[2], max: POOL_SIZE });
pool.on("error", () => {});
// Many more streams of one owner than a node allows by default: the measurement is about their cost.
const node = createNode(pool, { bounds: { ownerStreams: 20_000 } });
const server = await serveTrpc(node);
process.send?.(server.url);

process.on("message", () => {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  process.send?.({ used: heapUsed + external, rss });
});
