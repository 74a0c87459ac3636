import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import { createAdaptorServer } from "@hono/node-server";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { freshDatabase } from "../testing/postgres.ts";
import { fillForOperators, openDashboard, type SeenSchema } from "../testing/dashboard/seen-by-operators.ts";
import type { Dashboard } from "./options.ts";

const { pool } = await freshDatabase();
let seen: SeenSchema;
let dashboard: Dashboard;

beforeAll(async () => {
  seen = await fillForOperators(pool);
  dashboard = await openDashboard(pool, {
    authorize: (_request, incoming) => {
      const user = (incoming as { user?: string } | null)?.user ?? "Olga";
      return { name: user, mayReadTyped: true };
    },
  });
});
afterAll(() => dashboard.close());

/** Mounts the dashboard below `/inner/operators`, as each host does. */
const hosts: Readonly<Record<string, () => Promise<string>>> = {
  node: () => listening((req, res) => void dashboard.node(req, res)),
  express: () => {
    const [app, inner] = [express(), express.Router()];
    inner.use("/operators", (req, _res, next) => {
      Object.assign(req, { user: "Olga of Express" });
      next();
    });
    inner.use("/operators", dashboard.node);
    app.use("/inner", inner);
    return listening(app);
  },
  "express, after a parser of forms": () => {
    const app = express();
    app.use(express.urlencoded());
    app.use("/inner/operators", dashboard.node);
    return listening(app);
  },
  fastify: async () => {
    const app = fastify({ forceCloseConnections: true });
    await app.register(async (instance) => {
      instance.addContentTypeParser("application/x-www-form-urlencoded", (_request, _payload, done) => done(null));
      instance.all("/inner/operators", (request, reply) => {
        reply.hijack();
        return dashboard.node(request.raw, reply.raw);
      });
    });
    onTestFinished(() => app.close());
    return app.listen({ port: 0, host: "127.0.0.1" });
  },
  hono: async () => {
    const app = new Hono();
    app.all("/inner/operators", (c) => dashboard.fetch(c.req.raw));
    const server = createAdaptorServer({ fetch: app.fetch });
    onTestFinished(() => void server.close());
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return addressOf(server.address());
  },
};

async function listening(handle: RequestListener): Promise<string> {
  const server = createServer(handle).listen(0, "127.0.0.1");
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  await once(server, "listening");
  return addressOf(server.address());
}

const addressOf = (address: unknown) => `http://127.0.0.1:${(address as AddressInfo).port}`;

test.each(Object.keys(hosts))("below a path of %s its links, its style and its forms work", async (host) => {
  const origin = await hosts[host]!();
  const here = `${origin}/inner/operators`;
  const answer = await fetch(here);
  const page = await answer.text();
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-security-policy")).toContain("default-src 'none'");
  expect(page).toContain("<h1>Overview</h1>");
  if (host === "express") expect(page).toContain("Olga of Express");

  const links = [...page.matchAll(/(?:href|action)="([^"#][^"]*)"/g)].map(([, link]) => link!.replaceAll("&amp;", "&"));
  expect(links.length).toBeGreaterThan(7);
  for (const link of links) expect((await fetch(new URL(link, here))).status, link).toBe(200);

  const form = new URLSearchParams({ id: seen.completed, reason: "a good reason" });
  const own = { method: "POST", body: form, headers: { origin } };
  const shown = await fetch(new URL("?view=typed", here), own);
  expect(shown.status).toBe(200);
  expect(await shown.text()).toContain("12300");
  const foreign = await fetch(new URL("?view=typed", here), { ...own, headers: { origin: "https://evil.example" } });
  expect(foreign.status).toBe(403);
  const large = { ...own, body: new URLSearchParams({ reason: "x".repeat(20_000) }) };
  expect((await fetch(new URL("?view=typed", here), large)).status).toBe(413);

  const head = await fetch(here, { method: "HEAD" });
  expect([head.status, await head.text()]).toEqual([200, ""]);
  expect((await fetch(here, { method: "PUT", headers: { origin } })).status).toBe(405);
});
