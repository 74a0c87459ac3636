import { Client } from "pg";
import { expect, test } from "vitest";
import { busContract } from "../testing/bus/bus-contract.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { postgresBus } from "./postgres-bus.ts";

const { pool, url } = await freshDatabase();
const client = () => new Client({ connectionString: url });

busContract({
  url,
  make: (through, options) => postgresBus({ client: () => new Client({ connectionString: through }), ...options }),
  cut: async () => {
    await pool.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
    );
  },
  connections: async () => {
    const { rows } = await pool.query(
      "select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
    );
    return rows.length;
  },
});

test("a channel that is no name is refused when the bus is made", () => {
  expect(() => postgresBus({ client, channel: "x; drop table y" })).toThrow(/channel/);
});

test("S17: a notice of a later version, another program's message and a notice that is too long hold up no other", async () => {
  const bus = postgresBus({ client });
  const { promise: arrived, resolve } = Promise.withResolvers<unknown>();
  const { promise: open, resolve: onOpen } = Promise.withResolvers<void>();
  const close = bus.open({ onNotices: resolve, onListeningChange: () => onOpen() });
  await open;
  for (const message of ['{"kind":"of_tomorrow","content":{}}', "no notice", "[]"])
    await pool.query("select pg_notify('sessions', $1)", [message]);
  bus.publish({ kind: "sign_in", content: "x".repeat(10_000) });
  bus.publish({ kind: "sign_in", content: { ended: ["a"] } });
  expect(await arrived).toEqual([{ kind: "sign_in", content: { ended: ["a"] } }]);
  await close();
});
