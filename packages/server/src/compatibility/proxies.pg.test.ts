import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { initTRPC } from "@trpc/server";
import { createExpressMiddleware } from "@trpc/server/adapters/express";
import express, { type RequestHandler } from "express";
import { chromium, type Browser, type Page } from "playwright";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chooseChromium } from "../../../../scripts/chromium.ts";
import { createBank } from "../testing/bank.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { pageScript } from "./page.ts";

/** A session of the client. This package may not import its type. */
interface Session {
  readonly id: string;
  readonly state: {
    readonly revision: number;
    readonly data: { readonly left?: { readonly text: string } };
    readonly sync: { readonly state: string };
  };
  subscribe(listener: () => void): void;
  submit(step: string, input: object): Promise<unknown>;
  draft(step: string, fields: object): void;
}

// The globals of the page: see `page.ts`.
declare const lab: {
  open(
    url: string,
    owner: string,
  ): Promise<{ start(flow: unknown): Session; open(flow: unknown, id: string): Session }>;
  readonly notes: unknown;
  readonly faults: string[];
};
// A test puts this there.
declare const session: Session;
declare const states: Set<string>;

const isStream: (url: string) => boolean = (url) => url.includes("sessions.watch");

/** Keeps all written parts until the answer ends. */
const buffering: RequestHandler = (_req, res, next) => {
  const buffered: Buffer[] = [];
  const end = res.end.bind(res) as (all: Buffer) => typeof res;
  const keep = (part: unknown) =>
    part instanceof Uint8Array || typeof part === "string" ? buffered.push(Buffer.from(part)) : 0;
  res.flushHeaders = () => {};
  res.write = (part: unknown) => keep(part) > 0;
  res.end = (part?: unknown) => {
    keep(part);
    return end(Buffer.concat(buffered));
  };
  next();
};

/** Lets a stream's first kilobyte through, and keeps the rest. */
const stalling: RequestHandler = (req, res, next) => {
  const write = res.write.bind(res) as (part: unknown) => boolean;
  let written = 0;
  if (isStream(req.url)) res.write = (part: unknown) => (written += String(part).length) > 1_000 || write(part);
  next();
};

const refusing: RequestHandler = (req, res, next) => {
  const isRefused = JSON.stringify(req.body ?? "").includes("<script>");
  if (isRefused) res.status(403).send("<h1>Forbidden</h1>");
  else next();
};

const ending: RequestHandler = (req, res, next) => {
  if (isStream(req.url)) setTimeout(() => res.end(), 700);
  next();
};

const refusesStreams: RequestHandler = (req, res, next) => (isStream(req.url) ? void res.status(502).end() : next());

const redirecting: RequestHandler = (req, res, next) =>
  req.originalUrl.includes("moved=1")
    ? next()
    : res.redirect(307, `${req.originalUrl}${req.url.includes("?") ? "&" : "?"}moved=1`);

/** Things between a page and the router that break nothing: one line for each. */
const through: Readonly<Record<string, readonly RequestHandler[]>> = {
  nothing: [],
  "a proxy that keeps every answer until it ends": [buffering],
  "a proxy that keeps what follows a stream's beginning": [stalling],
  "a limit of 100 kB on bodies": [express.json()],
  "a firewall that refuses other texts": [express.json(), refusing],
  "a platform that ends each stream": [ending],
  "a proxy that refuses streams": [refusesStreams],
  "a router that has moved": [redirecting],
};

/** Things that let nothing through: one line for each, with the state that the page shows and the fault for developers. */
const told: Readonly<Record<string, readonly [RequestHandler, string, string | undefined]>> = {
  "a plain 401": [(_req, res) => void res.status(401).send("Unauthorized"), "signed_out", undefined],
  "a redirect to a page": [(_req, res) => res.redirect("/"), "signed_out", undefined],
  "a redirect to another origin": [(_req, res) => res.redirect("http://127.0.0.1:9/sign-in"), "signed_out", undefined],
  "a page where the router was": [(_req, res) => void res.send("<h1>Sign in</h1>"), "signed_out", undefined],
  "a 404": [(_req, res) => void res.status(404).send("<h1>Not found</h1>"), "offline", "router_not_found"],
  "a 502": [(_req, res) => void res.status(502).send("Bad gateway"), "offline", "answer_unexpected"],
};

const { pool } = await freshDatabase();
const bank = createBank(pool, { sweeps: false });
const t = initTRPC.context<{ readonly user: string }>().create();
const app = express();
const server = createServer(app);
let browser: Browser;
let origin = "";
// The routes that let nothing through any more.
const shut = new Set<string>();

function mount(name: string, handlers: readonly RequestHandler[]): void {
  const router = t.router({ sessions: bank.router });
  app.use(
    `/${encodeURIComponent(name)}`,
    ...handlers,
    createExpressMiddleware({ router, createContext: () => ({ user: name }) }),
  );
}

beforeAll(async () => {
  await bank.migrate();
  const script = await pageScript();
  app.get("/", (_req, res) => void res.send(`<!doctype html><script type="module" src="/page.js"></script>`));
  app.get("/page.js", (_req, res) => void res.type("js").send(script));
  for (const [name, handlers] of Object.entries(through)) mount(name, handlers);
  for (const [name, [handler]] of Object.entries(told)) {
    mount(name, [(req, res, next) => (shut.has(name) ? handler(req, res, next) : next())]);
  }
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  browser = await chromium.launch(await chooseChromium());
}, 60_000);

afterAll(async () => {
  await browser.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await bank.close();
});

/** Opens a page of a new device. */
async function device(at = origin): Promise<Page> {
  const page = await (await browser.newContext()).newPage();
  await page.goto(at);
  await page.waitForFunction(() => "lab" in globalThis);
  return page;
}

test.concurrent.for(Object.keys(through))(
  "S26: through %s two devices meet within 10 s, and neither is offline",
  async (name) => {
    const url = `${origin}/${encodeURIComponent(name)}`;
    const [phone, laptop] = await Promise.all([device(), device()]);
    const begin = ([url, owner]: readonly [string, string]) =>
      lab.open(url, owner).then((sessions) => {
        const session = sessions.start(lab.notes);
        const states = new Set<string>();
        session.subscribe(() => states.add(session.state.sync.state));
        Object.assign(globalThis, { session, states });
        return session.submit("left", { text: "begun" }).then(() => session.id);
      });
    const id = await phone.evaluate(begin, [url, name] as const);
    await laptop.evaluate(
      ([url, owner, id]) =>
        lab
          .open(url, owner)
          .then((sessions) => Object.assign(globalThis, { session: sessions.open(lab.notes, id) }))
          .then(() => {}),
      [url, name, id] as const,
    );
    await laptop.waitForFunction(() => session.state.revision > 0);
    // It is larger than one body may be.
    await phone.evaluate(() => {
      for (const field of ["a", "b", "c"]) session.draft("right", { [field]: "x".repeat(20_000) });
      session.draft("end", {});
      void session.submit("left", { text: "goes on" });
    });
    await laptop.waitForFunction(() => session.state.data.left?.text === "goes on", undefined, {
      timeout: 10_000,
    });
    await phone.waitForFunction(() => session.state.sync.state === "saved", undefined, {
      timeout: 10_000,
    });
    expect(await phone.evaluate(() => [...states])).not.toContain("offline");
    expect(await laptop.evaluate(() => session.state.sync.state)).toBe("saved");
    await Promise.all([phone, laptop].map((page) => page.context().close()));
  },
);

test.concurrent.for(Object.entries(told))(
  "S26: after %s the state and the developer are told which",
  async ([name, [, state, code]]) => {
    const page = await device();
    await page.evaluate(
      ([url, owner]) =>
        lab.open(url, owner).then((sessions) => {
          const session = sessions.start(lab.notes);
          Object.assign(globalThis, { session });
          return session.submit("left", { text: "begun" });
        }),
      [`${origin}/${encodeURIComponent(name)}`, name] as const,
    );
    shut.add(name);
    await page.evaluate(() => void session.submit("left", { text: "goes on" }));
    await page.waitForFunction((state) => session.state.sync.state === state, state, {
      timeout: 10_000,
    });
    expect(await page.evaluate(() => lab.faults)).toEqual(code === undefined ? [] : [code]);
    // The page continues by itself, and sends all waiting commands.
    shut.delete(name);
    await page.waitForFunction(() => session.state.sync.state === "saved", undefined, {
      timeout: 20_000,
    });
    expect(await page.evaluate(() => session.state.data.left)).toEqual({ text: "goes on" });
    await page.context().close();
  },
);

test("S26: a router of another origin is reached with the cookie, and one that keeps its answers is told of", async () => {
  const router = t.router({ sessions: bank.router });
  const allow: RequestHandler = (req, res, next) => {
    res.setHeader("access-control-allow-origin", req.headers.origin ?? "");
    res.setHeader("access-control-allow-credentials", "true");
    res.setHeader("access-control-allow-headers", "content-type");
    if (req.method === "OPTIONS") res.status(204).end();
    else next();
  };
  app.get("/cookie", allow, (_req, res) => void res.cookie("user", "crossing").end());
  const createContext = ({ req }: { readonly req: express.Request }) => ({
    user: /user=(\w+)/.exec(req.headers.cookie ?? "")?.[1] ?? "",
  });
  app.use("/open", allow, createExpressMiddleware({ router, createContext }));
  // Another port is another origin, with the same cookies.
  const site = createServer(app);
  await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
  const page = await device(`http://127.0.0.1:${(site.address() as AddressInfo).port}`);
  const outcome = await page.evaluate(async (origin) => {
    await fetch(`${origin}/cookie`, { credentials: "include" });
    const sessions = await lab.open(`${origin}/open`, "crossing");
    return sessions.start(lab.notes).submit("left", { text: "begun" });
  }, origin);
  expect(outcome).toMatchObject({ status: "accepted" });
  await page.evaluate((origin) => lab.open(`${origin}/nothing`, "kept").then(() => {}), origin);
  await page.waitForFunction(() => lab.faults.includes("origin_refused"));
  await page.context().close();
  site.closeAllConnections();
  await new Promise((resolve) => site.close(resolve));
});
