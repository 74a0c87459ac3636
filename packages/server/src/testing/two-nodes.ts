import { Pool } from "pg";
import { afterAll, beforeAll } from "vitest";
import { createBank, createLedger } from "./bank.ts";
import { freshDatabase } from "./postgres.ts";

/** Two nodes of the test bank over one fresh database, each with a pool of its own. Call it at the file's top level. */
export async function twoNodes() {
  const { pool, url } = await freshDatabase();
  const poolOfOther = new Pool({ connectionString: url });
  poolOfOther.on("error", () => {});
  const node = createBank(pool);
  beforeAll(async () => {
    await node.migrate();
    await createLedger(pool);
  });
  afterAll(() => poolOfOther.end());
  return { pool, node, otherNode: createBank(poolOfOther) };
}

/** The outcome of a command that took effect at this revision. */
export const accepted = (revision: number) => ({ status: "accepted", revision, replayed: false });
