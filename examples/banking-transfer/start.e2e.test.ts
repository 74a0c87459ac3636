import { createServer, type AddressInfo, type Server } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { freshDatabase } from "../../packages/server/src/testing/postgres.ts";
import { failToStart, startBank } from "./testing/bank-server.ts";

const unmigrated = await freshDatabase();
const newer = await freshDatabase();

/** One line with this beginning and one sentence. */
const oneSentence = (text: string) => new RegExp(`^Banking transfer cannot start: ${text}[^\\n]*\\.\\n$`);

test("a database that does not answer is named in one sentence", async () => {
  const nobody = await listening();
  const { port } = nobody.address() as AddressInfo;
  await new Promise((resolve) => nobody.close(resolve));

  const { exitCode, stderr } = await failToStart({
    DATABASE_URL: `postgres://nobody:hidden@127.0.0.1:${port}/none`,
  });
  expect(stderr).toMatch(oneSentence("The database at DATABASE_URL does not answer"));
  expect(stderr).not.toContain("hidden");
  expect(exitCode).toBe(1);
});

test("a database without the tables is named in one sentence when they are not to be made", async () => {
  const { exitCode, stderr } = await failToStart({
    DATABASE_URL: unmigrated.url,
    SESSIONS_MIGRATE: "off",
  });
  expect(stderr).toMatch(oneSentence("The database lacks the tables of this version"));
  expect(exitCode).toBe(1);
});

test("a newer database is named in one sentence, whether or not it would be migrated", async () => {
  const server = await startBank(newer.url);
  await server.remove();
  await newer.pool.query(`INSERT INTO sessions.migration (name, timestamp) VALUES ('9999_later', '2999-01-01')`);

  for (const migrate of ["on", "off"]) {
    const { exitCode, stderr } = await failToStart({
      DATABASE_URL: newer.url,
      SESSIONS_MIGRATE: migrate,
    });
    expect(stderr).toMatch(oneSentence("The database was migrated by a newer version"));
    expect(exitCode).toBe(1);
  }
});

test("a port in use is named in one sentence", async () => {
  const holder = await listening();
  onTestFinished(() => new Promise((resolve) => holder.close(() => resolve())));
  const { port } = holder.address() as AddressInfo;

  const { exitCode, stderr } = await failToStart({ PORT: String(port) });
  expect(stderr).toMatch(oneSentence(`Port ${port} is in use`));
  expect(exitCode).toBe(1);
});

async function listening(): Promise<Server> {
  const server = createServer();
  // The same address as the example's: all interfaces.
  await new Promise<void>((resolve) => server.listen(0, resolve));
  return server;
}
