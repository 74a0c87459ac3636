import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { freshDatabase } from "../testing/postgres.ts";

const { pool, url } = await freshDatabase();
const program = fileURLToPath(new URL("../testing/web-sessions/store-process.ts", import.meta.url));

test.each([
  ["Postgres", [url]],
  ["a PGlite in memory", []],
])("on %s, a process with an open store ends by itself, and writes the touch that waits", async (_, given) => {
  const run = promisify(execFile)(process.execPath, ["--conditions=@sessions/source", program, ...given], {
    timeout: 60_000,
  });
  expect((await run).stdout).toBe("ada");
  if (given.length === 0) return;
  const { rows } = await pool.query<{ waited: boolean }>(
    "select expires_at > (data::json->'cookie'->>'expires')::timestamptz as waited from sessions.web_session",
  );
  expect(rows).toEqual([{ waited: true }]);
});
