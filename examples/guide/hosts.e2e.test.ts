import { once } from "node:events";
import { connect } from "node:net";
import { fileURLToPath } from "node:url";
import { PROTOCOL_VERSION, type Command, type Json, type WatchEvent } from "@sessions/core/internal";
import { createTRPCClient, httpLink, httpSubscriptionLink, splitLink } from "@trpc/client";
import { EventSource } from "eventsource";
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { v7 as uuidv7 } from "uuid";
import { createSignIns } from "@sessions/server/sign-in";
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import { freshDatabase } from "../../packages/server/src/testing/postgres.ts";
import type { appRouter } from "./hosts/sessions.ts";
import { Repairs } from "./hosts/nextjs/app/repairs.tsx";
import { runServer } from "./testing/running-server.ts";

const { pool, url: databaseUrl } = await freshDatabase();
await pool.query(`
  create table ticket (
    id integer generated always as identity primary key, session uuid unique, owner text, model text, problem text
  )
`);
const directory = fileURLToPath(new URL("hosts", import.meta.url));

const signIns = createSignIns({ database: pool, sweeps: false });
beforeAll(() => signIns.migrate());
afterAll(() => signIns.close());

/** The cookie of a person whose password the application has checked. */
async function cookieOf(owner: string): Promise<string> {
  const request = new Request("http://127.0.0.1/", { method: "POST", headers: { origin: "http://127.0.0.1" } });
  const answered = await signIns.fetch(request, async (visit) =>
    Response.json(await visit.signInAs(owner, { factors: ["password"] })),
  );
  return answered.headers.getSetCookie()[0]!.split(";")[0]!;
}

/** A device with the cookie of a signed-in person. */
async function deviceOf(url: string, user: string | undefined) {
  const headers: Record<string, string> =
    user === undefined ? {} : { cookie: await cookieOf(user), "sec-fetch-site": "same-origin" };
  const trpc = createTRPCClient<typeof appRouter>({
    links: [
      splitLink({
        condition: ({ type }) => type === "subscription",
        true: httpSubscriptionLink({
          url,
          EventSource,
          eventSourceOptions: () => ({ fetch: (input, init) => fetch(input, { ...init, headers }) }),
        }),
        false: httpLink({ url, headers }),
      }),
    ],
  }).sessions;
  const device = { id: uuidv7(), name: "Test device" };
  const events: WatchEvent[] = [];
  return {
    trpc,
    events,
    async push(...commands: Command[]) {
      return (await trpc.push.mutate({ protocol: PROTOCOL_VERSION, device, commands })).outcomes;
    },
    async watch() {
      const observer = { onData: (event: WatchEvent) => void events.push(event) };
      const stream = trpc.watch.subscribe({ protocol: PROTOCOL_VERSION, known: {} }, observer);
      await expect.poll(() => events).not.toHaveLength(0);
      return stream;
    },
  };
}

const submit = (session: string, step: string, input: Json, seen = {}) =>
  ({ kind: "submit", id: uuidv7(), session, version: 1, step, input, seen }) as const;

test.for(["express", "fastify", "hono"])(
  "as the page on %s has it, two devices work over HTTP, nobody is refused, and SIGTERM ends it at once",
  async (name) => {
    const server = await runServer(`${name}.ts`, directory, { DATABASE_URL: databaseUrl });
    const [phone, laptop] = [
      await deviceOf(`${server.url}/trpc`, `ada-${name}`),
      await deviceOf(`${server.url}/trpc`, `ada-${name}`),
    ];
    await laptop.watch();

    const session = uuidv7();
    const bike = submit(session, "bike", { model: "Roadster", problem: "It squeaks." });
    const contact = submit(session, "contact", { phone: "020 7946 0000" });
    const start = { kind: "start", id: uuidv7(), session, flow: "repair", version: 1 } as const;
    await phone.push(start, bike, contact);
    await expect.poll(() => laptop.events.at(-1)?.snapshots).toMatchObject([{ id: session, revision: 3 }]);

    const seen = { review: null, bike: bike.id, contact: contact.id };
    expect(await laptop.push(submit(session, "review", { accepted: true }, seen))).toMatchObject([
      { status: "accepted" },
    ]);
    const { rows } = await pool.query("select id, model from ticket where session = $1", [session]);
    expect(rows).toMatchObject([{ model: "Roadster" }]);
    expect((await phone.trpc.read.query({ session })).session).toMatchObject({ result: { ticket: rows[0].id } });

    const stranger = await deviceOf(`${server.url}/trpc`, undefined);
    await expect(stranger.trpc.read.query({ session })).rejects.toMatchObject({ data: { code: "UNAUTHORIZED" } });
    const batch = Array.from({ length: 11 }, () => "sessions.read").join(",");
    expect((await fetch(`${server.url}/trpc/${batch}?batch=1&input={}`)).status).toBe(400);

    // A browser opens connections before it needs them.
    const unused = connect(Number(new URL(server.url).port), "127.0.0.1");
    onTestFinished(() => void unused.destroy());
    await once(unused, "connect");
    const { exitCode, ms } = await server.stop();
    expect(exitCode).toBe(0);
    // About 50 ms. In another order, the stop waits for idle connections: five seconds or more.
    expect(ms).toBeLessThan(4_000);
  },
);

test("as the page on Next.js has it, a route handler answers, a page renders, and SIGTERM ends a stream", async () => {
  vi.stubEnv("DATABASE_URL", databaseUrl);
  vi.stubEnv("NEXT_RUNTIME", "nodejs");
  const others = process.listeners("SIGTERM");
  const { register } = await import("./hosts/nextjs/instrumentation.ts");
  await register();
  const { GET, POST } = await import("./hosts/nextjs/app/trpc/[trpc]/route.ts");
  const { pool: ofNext } = await import("./hosts/nextjs/lib/sessions.ts");
  onTestFinished(() => ofNext.end());

  const call = (procedure: string, input: unknown, user?: string) => {
    const query = `?input=${encodeURIComponent(JSON.stringify(input))}`;
    const headers = { ...(user && { cookie: `user=${user}` }), accept: "text/event-stream" };
    return GET(new Request(`http://localhost/trpc/sessions.${procedure}${query}`, { headers }));
  };
  const session = uuidv7();
  const body = JSON.stringify({
    protocol: PROTOCOL_VERSION,
    device: { id: uuidv7(), name: "Test device" },
    commands: [{ kind: "start", id: uuidv7(), session, flow: "repair", version: 1 }],
  });
  const headers = { cookie: "user=ada", "content-type": "application/json" };
  const pushed = await POST(new Request("http://localhost/trpc/sessions.push", { method: "POST", headers, body }));
  expect(await pushed.json()).toMatchObject({ result: { data: { outcomes: [{ status: "accepted" }] } } });
  expect((await call("read", { session })).status).toBe(401);
  expect(pushed.headers.get("connection")).toBeNull();

  const stream = await call("watch", { protocol: PROTOCOL_VERSION, known: {} }, "ada");
  const stop = process.listeners("SIGTERM").find((listener) => !others.includes(listener))!;
  // The test's own process must not end.
  const exit = vi.spyOn(process, "exit").mockImplementation(() => undefined as never);
  onTestFinished(() => exit.mockRestore());
  let text = "";
  let stopped = false;
  for await (const chunk of stream.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    // After it, the stream ends, and the loop too.
    if (stopped || !text.includes(session)) continue;
    stopped = true;
    stop.call(process, "SIGTERM");
  }
  const late = await call("read", { session }, "ada");
  expect([late.status, late.headers.get("connection")]).toEqual([503, "close"]);

  expect(renderToString(createElement(Repairs, { owner: "ada" }))).toContain("Looking for what you have begun…");
  await expect.poll(() => exit.mock.calls).toHaveLength(1);
});
