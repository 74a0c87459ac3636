import {
  CompiledQuery,
  Kysely,
  PGliteAdapter,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type Driver,
} from "kysely";
import { expect, test } from "vitest";
import { withFixedSettings } from "./fixed-settings.ts";

const usual = {
  level: "repeatable read",
  isolation: "read committed",
  readonly: "off",
  synchronous: "on",
  lock: "0",
  idle: "0",
  whole: "0",
  encoding: "UTF8",
  client: "UTF8",
  replica: "false",
};

/** A database that notes what becomes of its transactions, and loses the first commit. */
function losesFirstCommit(supportsMultipleConnections: boolean) {
  const did: string[] = [];
  let commits = 0;
  const connection = {
    executeQuery: () => Promise.resolve({ rows: [usual] as never[] }),
    streamQuery: () => expect.fail("Nothing is streamed."),
  };
  const note = (what: string) => () => Promise.resolve(void did.push(what));
  const driver: Driver = {
    init: () => Promise.resolve(),
    acquireConnection: () => Promise.resolve(connection),
    beginTransaction: note("begin"),
    rollbackTransaction: note("rollback"),
    async commitTransaction() {
      commits += 1;
      if (commits === 1) throw new Error("Connection terminated unexpectedly");
      did.push("commit");
    },
    releaseConnection: note("release"),
    destroy: () => Promise.resolve(),
  };
  const dialect = {
    createAdapter: () => (supportsMultipleConnections ? new PostgresAdapter() : new PGliteAdapter()),
    createDriver: () => driver,
    createIntrospector: (db: Kysely<never>) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  };
  return { did, db: new Kysely<never>({ dialect: withFixedSettings(dialect) }) };
}

test.each([
  ["one connection", false],
  ["several connections", true],
])("S2: on %s, a commit that is lost while the defaults are asked for keeps nothing", async (_, several) => {
  const { did, db } = losesFirstCommit(several);
  await expect(db.executeQuery(CompiledQuery.raw("select 1"))).rejects.toThrow("terminated");
  expect(did).toEqual(["begin", "rollback", "release"]);
  await db.executeQuery(CompiledQuery.raw("select 1"));
  expect(did.slice(3)).toEqual(["begin", "commit", "release"]);
});
