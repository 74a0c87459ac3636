import { DummyDriver, Kysely, PostgresAdapter, PostgresQueryCompiler } from "kysely";
import { expect, test } from "vitest";
import { recordset } from "./values.ts";

const db = new Kysely<object>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: () => {
      throw new Error("Nothing asks for it.");
    },
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
});

test("of rows that are sent as a table, its columns alone are sent", () => {
  const rows = [{ owner: "ada", from: 1, state: { deep: { owner: "eve" } }, body: "large" }];
  const { parameters } = db
    .selectFrom(recordset(rows, 'owner text, "from" integer, state json'))
    .select("owner")
    .compile();
  expect(parameters).toEqual([JSON.stringify([{ owner: "ada", from: 1, state: { deep: { owner: "eve" } } }])]);
});
