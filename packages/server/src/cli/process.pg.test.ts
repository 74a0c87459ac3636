import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { databaseOfAda, ending, interruptedRun } from "../testing/cli.ts";

const { url, month, sessions, begin } = await databaseOfAda();

test("as a process it says the same, and ends with the same code", async () => {
  const withoutPassword = new URL(url);
  withoutPassword.password = "";
  const [status, locked, missing, unreadable] = await Promise.all([
    ending(begin("status", "--json")),
    ending(begin("status", "--database-url", withoutPassword.href)),
    ending(begin("export", "1999-12")),
    ending(begin("status", "--database-url", "postgres://ada:hidden#/hidden@127.0.0.1/none")),
  ]);
  expect(status).toEqual(await sessions("status", "--json"));
  // The Postgres of `DATABASE_URL` may accept any password.
  if (!process.env["DATABASE_URL"]) expect(locked.stderr).toContain("refuses the user or the password");
  expect(missing).toEqual(await sessions("export", "1999-12"));
  expect(unreadable.code).toBe(2);
  expect(unreadable.stderr).toMatch(/^The database's URL cannot be read\. [^\n]*\n$/);
});

test("whoever stops reading ends an export quietly", async () => {
  const child = begin("export", month);
  child.stdout.destroy();
  expect(await ending(child)).toEqual({ code: 141, stdout: "", stderr: "" });
});

test("Ctrl-C ends a command that waits, with one sentence", async () => {
  // It accepts connections and never answers.
  const silent = createServer().listen(0, "127.0.0.1");
  await once(silent, "listening");
  onTestFinished(() => void silent.close());
  const { port } = silent.address() as AddressInfo;
  const child = begin("status", "--database-url", `postgres://ada:hidden@127.0.0.1:${port}/none`);
  const [socket] = (await once(silent, "connection")) as [Socket];
  child.kill("SIGINT");
  const told = await ending(child);
  socket.destroy();
  expect(told).toEqual({ code: 130, stdout: "", stderr: expect.stringMatching(/^Interrupted\. [^\n]*\n$/) });
});

test("Ctrl-C ends a long command between two of its pages, and says how far it came only to somebody who watches", async () => {
  const { code, stderr } = await interruptedRun(url, "verify");
  expect(code).toBe(130);
  const [none, shown, cleared] = stderr.split("\r\u001b[K");
  expect([none, shown]).toEqual(["", expect.stringMatching(/^\d+ sessions$/)]);
  expect(cleared).toMatch(/^Interrupted\. [^\n]*\n$/);
});
