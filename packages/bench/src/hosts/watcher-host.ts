import { Pool } from "pg";
import { createNode } from "./application.ts";
import { POOL_SIZE } from "./database.ts";
import { serveTrpc } from "./host.ts";

// A node alone in its process, so that its memory is its own. It is told "memory" and answers in bytes.
const pool = new Pool({ connectionString: process.argv[2], max: POOL_SIZE });
pool.on("error", () => {});
const node = createNode(pool);
const site = await serveTrpc(node);
process.send?.(site.url);

process.on("message", () => {
  globalThis.gc?.();
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  process.send?.({ used: heapUsed + external, rss });
});
