import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { oldestBrowsers } from "./oldest-versions.ts";

const read = (file: string) => readFileSync(join(import.meta.dirname, "../../..", file), "utf8");
const { chrome, edge, firefox, safari } = oldestBrowsers;

test.each(["docs/operating/platforms.md", "packages/client/README.md"])("%s names the oldest browsers", (file) => {
  expect(chrome).toBe(edge);
  expect(read(file)).toContain(`Chrome and Edge ${chrome}, Firefox ${firefox}, Safari ${safari}, or later`);
});

test("docs/operating/platforms.md names each package's oldest Node", () => {
  const engines = (name: string) =>
    (JSON.parse(read(`packages/${name}/package.json`)) as { engines: { node: string } }).engines.node;
  expect(["core", "client", "react"].map(engines)).toEqual([">=20", ">=20", ">=20"]);
  const page = read("docs/operating/platforms.md");
  expect(page).toContain("| the same three on a server that renders pages | Node 20 or later |");
  const server = engines("server").replace(">=", "");
  expect(page).toContain(`| \`@sessions/server\` and its command line | Node ${server} or later |`);
  expect(read("packages/server/README.md")).toContain(`any Node server (${server} or later)`);
});
