import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright";
import { build, type Rolldown } from "vite";
import { chooseChromium } from "../../../scripts/chromium.ts";
import type { PageTask } from "./page.ts";

/** A real Chromium with one window. */
export interface Browser {
  /** Loads a new page that does a task, and gives its result. */
  run<T>(task: PageTask): Promise<T>;
  close(): Promise<void>;
}

/** Serves the page's script as an application does: bundled, minified, from one origin. */
export async function startBrowser(): Promise<Browser> {
  const script = await bundle(fileURLToPath(new URL("page.ts", import.meta.url)));
  const server = createServer(({ url }, response) => {
    // Isolated, the page has the browser's finer clock.
    response.setHeader("cross-origin-opener-policy", "same-origin");
    response.setHeader("cross-origin-embedder-policy", "require-corp");
    const isScript = url === "/page.js";
    response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    response.end(isScript ? script : '<!doctype html><script type="module" src="/page.js"></script>');
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const browser = await chromium.launch(await chooseChromium());
  const page = await browser.newPage();
  return {
    async run<T>(task: PageTask) {
      await page.goto(`${origin}/?${encodeURIComponent(JSON.stringify(task))}`);
      // Each task has a result of its own type.
      return (await page.evaluate(() => window.taskResult)) as T;
    },
    async close() {
      await browser.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function bundle(entry: string): Promise<string> {
  const { output } = (await build({
    configFile: false,
    logLevel: "error",
    resolve: { conditions: ["@sessions/source", "module", "browser", "production"] },
    build: { write: false, modulePreload: false, rolldownOptions: { input: entry } },
  })) as Rolldown.RolldownOutput;
  return output[0].code;
}
