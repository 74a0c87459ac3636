import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished, vi } from "vitest";
import { DEMO_PASSWORD } from "../../src/people.ts";

const python = "/usr/bin/python3";
const program = fileURLToPath(new URL("webkit-page.py", import.meta.url));

/** How long a page may take to answer, in milliseconds. A page that is being left may never answer. */
const ANSWER_MS = 3_000;

/** A page of WebKitGTK in a browser of its own. */
export interface WebKitPage {
  /** Adds a script that every document runs first. */
  before(script: string): Promise<void>;
  open(url: string): Promise<void>;
  /** Runs the body of an async function in the page. Resolves with its result, which must be JSON. */
  evaluate<T>(body: string): Promise<T>;
  /** Waits until the page shows this text. */
  reads(text: string): Promise<void>;
  back(): Promise<void>;
  forward(): Promise<void>;
  /** Signs a person in at the bank. */
  signIn(bank: string): Promise<void>;
}

/** Whether WebKitGTK, its Python bindings and Xvfb are installed. */
export async function hasWebKit(): Promise<boolean> {
  const bindings = 'import gi; gi.require_version("Gtk", "3.0"); gi.require_version("WebKit2", "4.1")';
  const run = promisify(execFile);
  return Promise.all([
    run(python, ["-c", `${bindings}; from gi.repository import WebKit2`]),
    run("which", ["Xvfb"]),
  ]).then(
    () => true,
    () => false,
  );
}

/** Opens a browser on an empty profile for the running test. */
export async function openWebKit({ width = 1280 } = {}): Promise<WebKitPage> {
  const profile = await mkdtemp(join(tmpdir(), "webkit-profile-"));
  const screen = spawn("Xvfb", ["-displayfd", "3", "-screen", "0", `${width}x800x24`, "-nolisten", "tcp"], {
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
  const [display] = (await once(screen.stdio[3] as NodeJS.ReadableStream, "data")) as [Buffer];
  const page = spawn(python, [program, profile, String(width)], {
    env: {
      PATH: process.env["PATH"],
      HOME: profile,
      DISPLAY: `:${String(display).trim()}`,
      XDG_RUNTIME_DIR: profile,
      NO_AT_BRIDGE: "1",
      GDK_BACKEND: "x11",
    },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const answers = new Map<number, PromiseWithResolvers<string>>();
  createInterface({ input: page.stdout }).on("line", (line) => {
    const { id, value, error } = JSON.parse(line) as { id: number; value?: string; error?: string };
    if (error === undefined) answers.get(id)?.resolve(value ?? "");
    else answers.get(id)?.reject(new Error(error));
  });

  page.once("exit", () => {
    for (const answer of answers.values()) answer.reject(new Error("WebKit has ended."));
  });
  // An interrupted run leaves nothing behind.
  const end = () => void (page.kill(), screen.kill());
  process.once("exit", end);

  function order(what: string, more: object = {}): Promise<string> {
    const answer = Promise.withResolvers<string>();
    const id = answers.size + 1;
    answers.set(id, answer);
    page.stdin.write(`${JSON.stringify({ id, do: what, ...more })}\n`);
    setTimeout(() => answer.reject(new Error(`WebKit did not answer: ${what}.`)), ANSWER_MS).unref();
    return answer.promise;
  }

  async function evaluate<T>(body: string): Promise<T> {
    const json = await order("evaluate", { body: `return JSON.stringify(await (async () => { ${body} })()) ?? null` });
    return JSON.parse(json) as T;
  }

  onTestFinished(async () => {
    page.stdin.end();
    await ended(page);
    screen.kill();
    await ended(screen);
    process.off("exit", end);
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  });
  return {
    before: async (script) => void (await order("before", { script })),
    open: async (url) => void (await order("open", { url })),
    evaluate,
    async reads(text) {
      const look = async () => expect(await evaluate("return document.body.innerText")).toContain(text);
      await vi.waitFor(look, { timeout: 15_000, interval: 20 });
    },
    back: async () => void (await order("back")),
    forward: async () => void (await order("forward")),
    async signIn(bank) {
      await order("open", { url: bank });
      await vi.waitFor(async () => expect(await evaluate("return location.origin")).toBe(bank), { timeout: 15_000 });
      const body = JSON.stringify({ id: "ada", password: DEMO_PASSWORD });
      const request = { method: "POST", headers: { "content-type": "application/json" }, body };
      expect(await evaluate(`return (await fetch("/trpc/signIn", ${JSON.stringify(request)})).status`)).toBe(200);
    },
  };
}

async function ended(process: ChildProcess): Promise<void> {
  if (process.exitCode === null && process.signalCode === null) await once(process, "exit");
}
