import { Client } from "pg";
import { expect, test } from "vitest";
import { busContract } from "../testing/bus/bus-contract.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { postgresBus } from "./postgres-bus.ts";

const { pool, url } = await freshDatabase();

busContract({
  make: () => postgresBus({ client: () => new Client({ connectionString: url }) }),
  cut: async () => {
    await pool.query(
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
    );
  },
});

test("a channel that is no name is refused when the bus is made", () => {
  const client = () => new Client({ connectionString: url });
  expect(() => postgresBus({ client, channel: "x; drop table y" })).toThrow(/channel/);
});
