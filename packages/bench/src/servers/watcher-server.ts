import { Pool } from "pg";
import { createNode } from "./application.ts";
import { POOL_SIZE } from "./database.ts";
import { serveTrpc } from "./http-server.ts";

// A node alone in its process, so that all memory of the process is its own. To the message "memory" it answers in bytes.
const pool = new Pool({ connectionString: process.argv[2], max: POOL_SIZE });
pool.on("error", () => {});
const node = createNode(pool);
const server = await serveTrpc(node);
process.send?.(server.url);

process.on("message", () => {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  process.send?.({ used: heapUsed + external, rss });
});
