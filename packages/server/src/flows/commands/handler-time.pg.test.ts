import { sql } from "kysely";
import { Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { beforeAll, expect, test, vi } from "vitest";
import { z } from "zod";
import { defineFlow, step, type SessionsError } from "@sessions/core";
import { createSessions, serve, type CompleteContext, type SessionsOptions } from "../../index.ts";
import { createBank, start, submit, TestClient, type Context } from "../../testing/bank.ts";
import { freshDatabase } from "../../testing/postgres.ts";

const { pool: plain, url } = await freshDatabase();
const one = defineFlow({ name: "one", version: 1, steps: { only: step({ input: z.object({ n: z.int() }) }) } });
type Given = CompleteContext<typeof one>;

beforeAll(async () => {
  await createBank(plain, { sweeps: false }).migrate();
  await plain.query("create table effect (n integer)");
});

const never = () => new Promise<never>(() => {});

/** A node whose handlers may take 200 ms, on a pool of two connections of its own. */
function nodeWith(
  complete: (given: Given, pool: Pool) => Promise<void>,
  more: Partial<SessionsOptions<Context>> = {},
  faults: SessionsError[] | null = [],
) {
  const pool = new Pool({ connectionString: url, max: 2 });
  pool.on("error", () => {});
  const node = createSessions<Context>({
    database: pool,
    identify: ({ user }) => user !== undefined && { owner: user },
    sweeps: false,
    bounds: { handlerMs: 200 },
    ...(faults && { onError: (fault) => faults.push(fault) }),
    flows: [serve(one, { complete: (given) => complete(given, pool) })],
    ...more,
  });
  const completeOne = async (owner: string, n = 1) => {
    const session = uuidv7();
    const { outcomes } = await new TestClient(node, owner).push(start(session, "one"), submit(session, "only", { n }));
    return outcomes[1];
  };
  return { node, pool, faults: faults ?? [], completeOne };
}

const failed = { status: "refused", refusal: { code: "failed" } };
const effects = async () =>
  (await plain.query<{ n: number }>("select n from effect order by n")).rows.map(({ n }) => n);

test("a handler that never ends fails its command, says which it is, and gives its connection back", async () => {
  const { node, pool, faults, completeOne } = nodeWith(never);
  expect(await completeOne("ada")).toEqual(failed);
  expect(faults.map(({ code }) => code)).toEqual(["handler_timed_out"]);
  expect(faults[0]?.message).toMatch(/Flow one, `complete` .* 200 ms.*`tx`/);
  expect(pool.idleCount).toBe(pool.totalCount);
  await node.close();
  await pool.end();
});

test("handlers that ask the pool that they run on for a second connection fail, and do not hang for ever", async () => {
  const both = Promise.withResolvers<void>();
  let reached = 0;
  const { node, pool, faults, completeOne } = nodeWith(async (_, own) => {
    if ((reached += 1) === 2) both.resolve();
    await both.promise;
    await own.query("select 1");
  });
  // The first to run out of time gives its connection back, which may be in time for the second.
  expect(await Promise.all(["bob", "eve"].map((owner) => completeOne(owner)))).toContainEqual(failed);
  expect(new Set(faults.map(({ code }) => code))).toEqual(new Set(["handler_timed_out"]));
  expect((await new TestClient(node, "cleo").list()).ended).toEqual([]);
  await node.close();
  await pool.end();
});

test("a statement that never ends is cancelled, and the node goes on", async () => {
  const { node, pool, faults, completeOne } = nodeWith(
    async ({ tx }) => void (await sql`select pg_sleep(60)`.execute(tx)),
  );
  expect(await completeOne("dora")).toEqual(failed);
  expect(faults.map(({ code }) => code)).toEqual(["handler_timed_out"]);
  await node.close();
  // It waits for every connection.
  await pool.end();
});

test("what a handler writes after its time is not kept, and it is told why", async () => {
  const late = Promise.withResolvers<unknown>();
  const gate = Promise.withResolvers<void>();
  const insert = (tx: Given["tx"], n: number) => sql`insert into effect values (${n})`.execute(tx);
  const { node, pool, completeOne } = nodeWith(async ({ tx }) => {
    await insert(tx, 1);
    await gate.promise;
    await insert(tx, 2).catch(late.resolve);
    await never();
  });
  expect(await completeOne("finn")).toEqual(failed);
  gate.resolve();
  expect(String(await late.promise)).toMatch(/transaction|rolled back/i);
  expect(await effects()).toEqual([]);
  await node.close();
  await pool.end();
});

test("what a handler did not wait for is not written after the commit", async () => {
  const gate = Promise.withResolvers<void>();
  const late = Promise.withResolvers<unknown>();
  const { node, pool, completeOne } = nodeWith(({ tx }) => {
    void gate.promise.then(() => sql`insert into effect values (3)`.execute(tx)).catch(late.resolve);
    return Promise.resolve();
  });
  expect(await completeOne("gina")).toMatchObject({ status: "accepted" });
  gate.resolve();
  expect(String(await late.promise)).toMatch(/transaction|committed/i);
  expect(await effects()).toEqual([]);
  await node.close();
  await pool.end();
});

test("an `identify` that never answers fails its request, and `close` ends", async () => {
  const { node, pool, faults } = nodeWith(never, { identify: never });
  await expect(new TestClient(node, "ada").list()).rejects.toThrow(/identify.*200 ms/);
  expect(faults.map(({ code }) => code)).toEqual(["identify_failed"]);
  await node.close();
  await pool.end();
});

test.for(["development", "production", ""])(
  "what a handler threw is logged with its message in development alone: %s",
  async (env) => {
    vi.stubEnv("NODE_ENV", env);
    const log = vi.spyOn(console, "error").mockImplementation(() => {});
    try {
      const { node, pool, completeOne } = nodeWith(() => Promise.reject(new Error("Typed: 42")), {}, null);
      expect(await completeOne(`hana ${env}`)).toEqual(failed);
      const said = log.mock.calls.join();
      expect(said).toMatch(/handler_failed: Flow one, `complete` threw\..*\n.*caused by Error/s);
      expect(said.includes("Typed: 42")).toBe(env === "development");
      await node.close();
      await pool.end();
    } finally {
      log.mockRestore();
      vi.unstubAllEnvs();
    }
  },
);

test("what `complete` returns and its schema does not allow is told as that of `complete`, and where", async () => {
  const flow = defineFlow({
    name: "returning",
    version: 1,
    steps: { only: step({ input: z.object({ n: z.int() }) }) },
    result: z.object({ order: z.object({ number: z.string() }) }),
  });
  const complete = () => ({ order: { number: 7 } }) as never;
  const { node, pool, faults } = nodeWith(never, { flows: [serve(flow, { complete })] });
  const session = uuidv7();
  await new TestClient(node, "ivo").push(start(session, "returning"), submit(session, "only", { n: 1 }));
  expect(faults.map(({ message }) => message)).toEqual([
    expect.stringMatching(/^output_invalid: Flow returning, `complete` returned at order\.number something/),
  ]);
  await node.close();
  await pool.end();
});
