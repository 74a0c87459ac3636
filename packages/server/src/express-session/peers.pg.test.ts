import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { freshDatabase } from "../testing/postgres.ts";

const run = promisify(execFile);
const { url } = await freshDatabase();
const preload = fileURLToPath(new URL("../testing/peers/preload.ts", import.meta.url));

/** A folder with checkouts of `express-session` and `fastify-session`, with their dependencies: docs/sign-ins/express-session.md. */
const folder = process.env["SESSIONS_PEER_SUITES"];

const suites: Readonly<Record<string, string>> = {
  "express-session":
    "node_modules/mocha/bin/_mocha --require test/support/env --check-leaks --no-exit --reporter json test/",
  "fastify-session": "--test --test-isolation=none --test-reporter=tap",
};

/** Tests that need a store which calls back before its call returns. With a pool of connections, no store can. */
const synchronous = [
  "should save the session properly",
  "should decryptSession with custom request object",
  "should decryptSession with custom cookie options",
  "should not reset session cookie expiration if rolling is false",
  "should update the expires property of the session using Session#touch() even if rolling is false",
  "Custom options",
];

const PREFIX = "SESSIONS_PEER_";
const databases = {
  PGlite: {},
  PostgreSQL: { [`${PREFIX}DATABASE`]: url },
  "PostgreSQL, with a connection that blocks the process": {
    [`${PREFIX}DATABASE`]: url,
    [`${PREFIX}BLOCKS`]: "true",
  },
};
type DatabaseName = keyof typeof databases;
const runs = Object.keys(suites).flatMap((peer) =>
  (Object.keys(databases) as DatabaseName[]).map((database) => [peer, database] as const),
);

test.runIf(folder).for(runs)(
  "no test of %s fails that a store can pass, on %s",
  { timeout: 600_000 },
  async ([peer, database]) => {
    const failed = await failedTests(peer, database);
    const expected = peer === "fastify-session" && database === "PostgreSQL" ? synchronous : [];
    const others = failed.filter((title) => !expected.includes(title));
    // Some tests compare the second of two moments, and fail with every store between them. So they run once more.
    const again = others.length > 0 && peer === "fastify-session" ? await failedTests(peer, database, others) : others;
    expect([...failed.filter((title) => expected.includes(title)), ...again].toSorted()).toEqual(expected.toSorted());
  },
);

/** Runs a suite, or only these tests of it, and gives the titles of the tests that fail. */
async function failedTests(peer: string, database: DatabaseName, only: readonly string[] = []) {
  const env = { ...process.env, SESSIONS_PEER: peer, ...databases[database] };
  const named = only.map((title) => `--test-name-pattern=^${title.replaceAll(/[^\w ]/g, String.raw`\$&`)}$`);
  const given = ["--conditions=@sessions/source", "--import", preload, ...named, ...suites[peer]!.split(" ")];
  const options = { cwd: join(folder!, peer), env, timeout: 600_000, maxBuffer: 64 * 1024 * 1024 };
  // The process ends by itself. Its exit code counts the tests that fail.
  const { stdout } = await run(process.execPath, given, options).catch((error: unknown) => error as { stdout: string });
  return peer === "express-session" ? failedInMocha(stdout) : failedInTap(stdout, only.length || 100);
}

function failedInMocha(stdout: string): readonly string[] {
  const report = JSON.parse(stdout) as { stats: { passes: number }; failures: { fullTitle: string }[] };
  expect(report.stats.passes).toBeGreaterThan(100);
  return report.failures.map(({ fullTitle }) => fullTitle);
}

function failedInTap(stdout: string, atLeast: number): readonly string[] {
  expect(stdout.match(/^ *(not )?ok /gm)?.length).toBeGreaterThanOrEqual(atLeast);
  return [...stdout.matchAll(/^ *not ok \d+ - ([^\n]*)$/gm)].map(([, title]) => title!.trim().replaceAll("\\#", "#"));
}
