import { createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { initTRPC, type TRPCDataTransformer } from "@trpc/server";
import { createHTTPHandler } from "@trpc/server/adapters/standalone";
import superjson from "superjson";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PROTOCOL_VERSION, type Command } from "@sessions/core/internal";
import { createBank, draft, start, submit } from "../testing/bank.ts";
import { freshDatabase } from "../testing/postgres.ts";
import type { LaneContextOptions } from "./answers.ts";

const NOW_MS = Date.parse("2026-11-29T12:00:00Z");
const { pool } = await freshDatabase();
const closes: (() => Promise<unknown>)[] = [];
afterAll(() => Promise.all(closes.map((close) => close())));

/** What a client is told. */
interface Told {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly body: string;
}

interface Asked {
  readonly method?: string;
  readonly path: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** A stream is read until it holds this text. */
  readonly until?: string;
}

interface World {
  readonly transformer: TRPCDataTransformer | undefined;
  readonly errorFormatter: boolean;
}

/** A bank on a schema of its own, whose clock stands. The same requests get the same answers from each. */
async function serveBank(schema: string, { transformer, errorFormatter }: World, hasLane: boolean) {
  const sessions = createBank(pool, { schema, now: () => NOW_MS, sweeps: false });
  await sessions.migrate();
  const told: string[] = [];
  const t = initTRPC.context<{ user: string | undefined }>().create({
    ...(transformer && { transformer }),
    ...(errorFormatter && {
      errorFormatter: ({ shape, path, type, input, ctx }) => ({
        ...shape,
        data: { ...shape.data, seen: [path, type, input, ctx?.user] },
      }),
    }),
    isDev: false,
    sse: { ping: { enabled: true, intervalMs: 400 }, client: { reconnectAfterInactivityMs: 20_000 } },
  });
  const router = t.router({ bank: t.router({ sessions: sessions.router }), other: t.procedure.query(() => "other") });
  const createContext = ({ req, info }: LaneContextOptions) => {
    const { isBatchCall, type, calls, url, accept, connectionParams, signal } = info;
    const paths = calls.map(({ path, batchIndex }) => `${path} ${batchIndex}`);
    told.push(JSON.stringify([isBatchCall, type, paths, url?.pathname, accept, connectionParams, signal.aborted]));
    const user = req.headers["x-user"] as string;
    if (user === "broken") throw new Error("No context.");
    return { user: user === "nobody" ? undefined : user };
  };
  const onError = ({ error, type, path }: { error: Error; type: string; path?: string | undefined }) =>
    told.push([error.message, type, path].join());
  const limits = { maxBodySize: 10_000, maxBatchSize: 3 };
  const trpc = createHTTPHandler({ router, createContext, onError, ...limits, basePath: "/trpc/" });
  const lane = sessions.lane({ router, createContext, onError, ...limits });
  let answered = 0;
  const server = createServer((req, res) => {
    if (!hasLane) return trpc(req, res);
    void lane(req, res, () => trpc(req, res)).then((isAnswered) => isAnswered && (answered += 1));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closes.push(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await sessions.close();
  });
  return { port: (server.address() as AddressInfo).port, sessions, told, answered: () => answered };
}

function ask(port: number, { method = "GET", path, body, headers = {}, until }: Asked): Promise<Told> {
  const { promise, resolve, reject } = Promise.withResolvers<Told>();
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const asked = httpRequest({
    port,
    method,
    path: `/trpc/${path}`,
    headers: { "x-user": "ada", ...(body === undefined ? {} : { "content-type": "application/json" }), ...headers },
  });
  asked.on("error", reject);
  asked.on("response", (response) => {
    const {
      "content-type": type,
      vary,
      allow,
      "cache-control": cache,
      "x-accel-buffering": buffering,
    } = response.headers;
    let received = "";
    const done = () =>
      resolve({ status: response.statusCode, headers: { type, vary, allow, cache, buffering }, body: received });
    response.setEncoding("utf8").on("data", (part: string) => {
      received += part;
      if (until === undefined || !received.includes(until)) return;
      received = received.slice(0, received.indexOf(until) + until.length);
      done();
      asked.destroy();
    });
    response.on("end", done);
  });
  asked.end(text);
  return promise;
}

const device = { id: uuidv7(), name: "Chrome on Linux" };
const all = { flow: null, limit: 10, after: null };
const input = (value: unknown) => encodeURIComponent(JSON.stringify(value));

const worlds: Readonly<Record<string, World>> = {
  plain: { transformer: undefined, errorFormatter: false },
  "with superjson and an error formatter": { transformer: superjson, errorFormatter: true },
};

describe.for(Object.entries(worlds))("%s", ([name, world]) => {
  let own: Awaited<ReturnType<typeof serveBank>>;
  let trpcs: Awaited<ReturnType<typeof serveBank>>;
  beforeAll(async () => {
    const prefix = name.split(" ", 1)[0]!;
    [own, trpcs] = [await serveBank(`${prefix}_lane`, world, true), await serveBank(`${prefix}_trpc`, world, false)];
  });

  const wire = (value: unknown) => (world.transformer ? world.transformer.serialize(value) : value) as object;
  const pushed = (...commands: readonly Command[]) => wire({ protocol: PROTOCOL_VERSION, device, commands });
  const push = (...commands: readonly Command[]): Asked => ({
    method: "POST",
    path: "bank.sessions.push",
    body: pushed(...commands),
  });
  const query = (procedure: string, value: object): Asked => ({
    path: `bank.sessions.${procedure}?input=${input(wire(value))}`,
  });

  /** Both are asked the same, and tell the same. Gives what they told. */
  async function same(asked: Asked, byLane = true): Promise<Told> {
    const before = own.answered();
    own.told.length = trpcs.told.length = 0;
    const [mine, theirs] = await Promise.all([ask(own.port, asked), ask(trpcs.port, asked)]);
    expect(mine).toEqual(theirs);
    expect(own.told).toEqual(trpcs.told);
    // A stream that was left has no end yet.
    if (!asked.path.includes("watch")) expect(own.answered() - before).toBe(byLane ? 1 : 0);
    return mine;
  }

  const [session, other] = [uuidv7(), uuidv7()];

  test("commands and reads, alone and in a batch", async () => {
    const first = submit(session, "left", { text: "é ✓ \u2028" });
    expect(await same(push(start(session, "notes"), first))).toMatchObject({ status: 200 });
    await same(push(first));
    await same(push(submit(session, "left", { text: "y" }), draft(session, "right", "field", 1)));
    await same(push(start(other, "notes"), start(other, "transfer"), start(uuidv7(), "unknown")));
    await same({
      method: "POST",
      path: "bank.sessions.push,bank.sessions.push?batch=1",
      body: { 0: pushed(submit(other, "left", { text: "a" })), 1: pushed(draft(session, "right", "other", 2)) },
    });
    expect((await same(query("read", { session }))).body).toContain("é ✓");
    await same(query("list", all));
    await same(query("receipt", { session, command: first.id }));
    await same(query("changes", { protocol: PROTOCOL_VERSION, known: {} }));
    await same({
      path: `bank.sessions.read,bank.sessions.list?batch=1&input=${input({ 0: wire({ session }), 1: wire(all) })}`,
    });
  });

  test("what is refused", async () => {
    const read = query("read", { session });
    expect(await same({ ...read, headers: { "x-user": "nobody" } })).toMatchObject({ status: 401 });
    await same({ ...push(start(uuidv7(), "notes")), headers: { "x-user": "nobody" } });
    expect(await same(query("read", { session: 7 }))).toMatchObject({ status: 400 });
    await same({ path: "bank.sessions.read" });
    await same({ method: "POST", path: "bank.sessions.push", headers: { "content-type": "application/json" } });
    expect(
      await same({
        path: `bank.sessions.read,bank.sessions.list?batch=1&input=${input({ 0: wire({ session: 7 }), 1: wire(all) })}`,
      }),
    ).toMatchObject({ status: 207 });
    expect(await same({ ...read, headers: { "x-user": "broken" } })).toMatchObject({ status: 500 });
    await same({ ...push(), body: "{" });
    await same({ ...push(), path: "bank.sessions.push?batch=1", body: "[7]" });
    await same({ path: "bank.sessions.list?input=%7B" });
    expect(await same({ ...push(), body: "x".repeat(20_000) })).toMatchObject({ status: 413 });
  });

  test("what another handler answers", async () => {
    const left = (asked: Asked) => same(asked, false);
    await left({ path: "other" });
    await left({ path: "bank.sessions.nothing" });
    await left({ path: `bank.sessions.list,other?batch=1&input=${input({ 0: wire(all) })}` });
    await left({ path: "bank.sessions.push" });
    await left({ method: "POST", path: "bank.sessions.list", body: wire(all) });
    await left({ ...push(), headers: { "content-type": "text/plain" } });
    const many = Array.from({ length: 4 }, () => "bank.sessions.list").join();
    await left({ path: `${many}?batch=1` });
    await left({
      path: `bank.sessions.list?batch=1&input=${input({ 0: wire(all) })}`,
      headers: { "trpc-accept": "application/jsonl" },
    });
    await left({ method: "HEAD", path: "bank.sessions.list" });
  });

  test("streams", async () => {
    const watch = query("watch", { protocol: PROTOCOL_VERSION, known: {} });
    const { body } = await same({ ...watch, until: "event: ping\ndata: \n\n\nevent: ping\ndata: \n\n\n" });
    expect(body).toContain(session);
    expect((await same({ ...watch, headers: { "x-user": "nobody" } })).body).toContain("serialized-error");
    await same(query("watch", { protocol: "7" }));
    await Promise.all([own.sessions.close(), trpcs.sessions.close()]);
    expect((await same(watch)).body).toContain("SERVICE_UNAVAILABLE");
    await same(query("list", all));
  });
});

test("a router without the sessions is refused", () => {
  const sessions = createBank(pool);
  const t = initTRPC.create();
  expect(() => sessions.lane({ router: t.router({}), createContext: () => ({}) })).toThrow(/router/);
});
