import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sirv from "sirv";
import { build, defaultClientConditions } from "vite";
import { onTestFinished } from "vitest";

/** Serves a page of this directory for one test. `others` gets requests for other paths. Returns the address. */
export async function servePage(name: string, others: RequestListener): Promise<string> {
  const outDir = await mkdtemp(join(tmpdir(), `${name}-`));
  onTestFinished(() => rm(outDir, { recursive: true, force: true }));
  await build({
    root: fileURLToPath(new URL(name, import.meta.url)),
    configFile: false,
    logLevel: "error",
    resolve: { conditions: ["@sessions/source", ...defaultClientConditions] },
    build: { outDir, emptyOutDir: true, target: "esnext" },
  });
  const files = sirv(outDir);
  const server = createServer((request, response) => files(request, response, () => others(request, response)));
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  return `http://localhost:${(server.address() as AddressInfo).port}`;
}
