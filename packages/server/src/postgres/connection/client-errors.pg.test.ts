import { sql } from "kysely";
import { Pool } from "pg";
import { expect, test } from "vitest";
import { createBank } from "../../testing/bank.ts";
import { freshDatabase } from "../../testing/postgres.ts";
import { createKysely } from "../database.ts";
import type { Tables } from "../../flows/rows/tables.ts";

const { pool, url } = await freshDatabase();

test("a connection that is lost between two statements of a transaction fails the next, and not the process", async () => {
  const work = createKysely<Tables>(pool)
    .transaction()
    .execute(async (tx) => {
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx);
      await pool.query("select pg_terminate_backend($1)", [rows[0]?.pid]);
      const there = () => pool.query("select from pg_stat_activity where pid = $1", [rows[0]?.pid]);
      while ((await there()).rowCount !== 0);
      // Once more round the event loop: what the lost connection said last has been read by then.
      await there();
      await sql`select 1`.execute(tx);
    });
  await expect(work).rejects.toThrow(/connection/i);
  await expect(pool.query("select 1")).resolves.toMatchObject({ rowCount: 1 });
});

test("a connection that is lost in the moment that the pool hands it over does not end the process", async () => {
  // The pool has ceased to listen by then, and who asked for the connection has not begun to.
  const handingOver = new Pool({
    connectionString: url,
    verify: (client, done) => {
      client.emit("error", new Error("terminating connection"));
      done();
    },
  });
  const { rows } = await sql<{ one: number }>`select 1 as one`.execute(createKysely<Tables>(handingOver));
  expect(rows).toEqual([{ one: 1 }]);
  await handingOver.end();
});

test("however many are made over one pool and closed, none leaves a listener on it", async () => {
  const own = new Pool({ connectionString: url });
  const listeners = () => own.eventNames().map((name) => [name, own.listenerCount(name)]);
  const before = listeners();
  const nodes = Array.from({ length: 12 }, () => createBank(own, { sweeps: false }));
  expect(own.listenerCount("connect")).toBe(1);
  const [first, ...others] = nodes;
  await Promise.all(others.map((node) => node.close()));
  expect(own.listenerCount("connect")).toBe(1);
  await first!.close();
  await first!.close();
  expect(listeners()).toEqual(before);
  await own.end();
});
