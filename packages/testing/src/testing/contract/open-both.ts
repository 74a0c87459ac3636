import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeEach } from "vitest";
import type {} from "../../../../server/src/testing/global-setup.ts";
import { START_MS } from "../../../../core/src/testing/commands.ts";
import { freshDatabase } from "../../../../server/src/testing/postgres.ts";
import { Both } from "./both.ts";
import { memorySubject, postgresSubject } from "./subject.ts";

/** Opens both servers for the tests of a file. Before each test a new owner signs in, and the clock starts again. */
export async function openBoth(): Promise<Both> {
  const { pool } = await freshDatabase();
  let nowMs = () => 0;
  const real = await postgresSubject(pool, () => nowMs());
  afterAll(() => real.close());
  const both = new Both((now) => {
    nowMs = now;
    return [real, memorySubject(now)];
  });
  beforeEach(() => {
    both.nowMs = START_MS;
    both.deploy("first");
    both.signIn({ owner: uuidv7(), provedAt: START_MS });
  });
  return both;
}
