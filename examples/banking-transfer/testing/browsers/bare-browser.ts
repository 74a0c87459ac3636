import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright";
import { expect } from "vitest";
import { chooseChromium } from "../../../../scripts/chromium.ts";
import { DEMO_PASSWORD } from "../../src/people.ts";

/** A tab that only the DevTools protocol controls. */
export interface BareTab {
  send(method: string, params?: object): Promise<unknown>;
  /** The value of an expression in the page, as JSON. */
  evaluate<T>(expression: string): Promise<T>;
}

/** A Chromium without Playwright. Playwright never lets a page sleep. */
export interface BareBrowser {
  /** `onRequest` gets the URL of each request of the page. */
  open(url: string, onRequest?: (url: string) => void): Promise<BareTab>;
  close(): Promise<void>;
}

interface Message {
  readonly id?: number;
  readonly sessionId?: string;
  readonly method?: string;
  readonly params?: { readonly request?: { readonly url: string } };
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

export async function openBareBrowser(): Promise<BareBrowser> {
  const directory = await mkdtemp(join(tmpdir(), "bare-profile-"));
  const { executablePath = chromium.executablePath(), args } = await chooseChromium();
  const browser = spawn(
    executablePath,
    [...args, "--headless", "--remote-debugging-port=0", `--user-data-dir=${directory}`, "about:blank"],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  const socket = new WebSocket(await addressOf(browser.stderr));
  await once(socket, "open");

  const answers = new Map<number, PromiseWithResolvers<unknown>>();
  const listeners = new Map<string, (url: string) => void>();
  socket.addEventListener("message", ({ data }: MessageEvent<string>) => {
    const { id, sessionId, method, params, result, error } = JSON.parse(data) as Message;
    if (id !== undefined && error) answers.get(id)?.reject(new Error(error.message));
    else if (id !== undefined) answers.get(id)?.resolve(result);
    else if (method === "Network.requestWillBeSent") listeners.get(sessionId!)?.(params!.request!.url);
  });

  // The protocol defines the answer of each method.
  function send<T>(method: string, params: object = {}, sessionId?: string): Promise<T> {
    const answer = Promise.withResolvers<unknown>();
    const id = answers.size + 1;
    answers.set(id, answer);
    socket.send(JSON.stringify({ id, method, params, sessionId }));
    return answer.promise as Promise<T>;
  }

  return {
    async open(url, onRequest) {
      const { targetId } = await send<{ targetId: string }>("Target.createTarget", { url: "about:blank" });
      const target = { targetId, flatten: true };
      const { sessionId } = await send<{ sessionId: string }>("Target.attachToTarget", target);
      if (onRequest) listeners.set(sessionId, onRequest);
      await send("Network.enable", {}, sessionId);
      await send("Page.navigate", { url }, sessionId);
      return {
        send: (method, params) => send(method, params, sessionId),
        async evaluate<T>(expression: string) {
          const params = { expression, awaitPromise: true, returnByValue: true };
          const { result } = await send<{ result: { value: T } }>("Runtime.evaluate", params, sessionId);
          return result.value;
        },
      };
    },
    async close() {
      socket.close();
      browser.kill("SIGKILL");
      await once(browser, "exit");
      await rm(directory, { recursive: true, force: true, maxRetries: 3 });
    },
  };
}

/** Signs a person in at the bank. */
export async function signIn(tab: BareTab, bank: string, id: string): Promise<void> {
  await tab.send("Page.navigate", { url: bank });
  await expect.poll(() => tab.evaluate("location.origin")).toBe(bank);
  const body = JSON.stringify({ id, password: DEMO_PASSWORD });
  const request = { method: "POST", headers: { "content-type": "application/json" }, body };
  const status = await tab.evaluate(`fetch("/trpc/signIn", ${JSON.stringify(request)}).then(({ status }) => status)`);
  expect(status).toBe(200);
}

function addressOf(stderr: NodeJS.ReadableStream): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    stderr.on("data", (chunk) => {
      text += String(chunk);
      const [address] = /ws:\/\/\S+/.exec(text) ?? [];
      if (address) resolve(address);
    });
  });
}
