import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { initTRPC } from "@trpc/server";
import { expect, onTestFinished, test } from "vitest";
import type { AnswersOptions } from "./answers.ts";
import { createLane } from "./lane.ts";

const LARGE = "x".repeat(256 * 1024);
const EVENTS = 20;

/** A server with a lane alone, before procedures that say when their stream ends. */
async function serve(options: Partial<AnswersOptions> = {}) {
  const { promise: ended, resolve: onEnd } = Promise.withResolvers<void>();
  const t = initTRPC.create();
  const router = t.router({
    broken: t.procedure.query(() => {
      throw new Error("broken");
    }),
    idle: t.procedure.subscription(async function* ({ signal }) {
      try {
        yield "begun";
        if (!signal!.aborted) await once(signal!, "abort");
      } finally {
        onEnd();
      }
    }),
    brokenStream: t.procedure.subscription(() => {
      throw new Error("broken");
    }),
    large: t.procedure.subscription(async function* ({ signal }) {
      for (let sent = 0; sent < EVENTS; sent += 1) yield LARGE;
      yield "all";
      await once(signal!, "abort");
    }),
  });
  const lane = createLane(router, { router, createContext: () => ({}), ...options });
  const { promise: response, resolve: onResponse } = Promise.withResolvers<ServerResponse>();
  const server = createServer((req, res) => {
    onResponse(res);
    void lane(req, res);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  const ask = (path: string) => {
    const asked = httpRequest({ port, path: `/${path}` });
    asked.on("error", () => {});
    return asked.end();
  };
  return { ask, ended, response };
}

async function textOf(asked: ReturnType<typeof httpRequest>): Promise<readonly [number | undefined, string]> {
  const [response] = (await once(asked, "response")) as [IncomingMessage];
  const parts: string[] = [];
  for await (const part of response.setEncoding("utf8")) parts.push(part as string);
  return [response.statusCode, parts.join("")];
}

test("the stream of a client that left before it began ends", async () => {
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  const { ask, ended, response } = await serve({ createContext: () => gate.then(() => ({})) });
  const asked = ask("idle");
  const closed = once(await response, "close");
  asked.destroy();
  await closed;
  open();
  await ended;
});

test("a client that reads slowly gets every event, and the waits for it leave nothing behind", async () => {
  const { ask, response } = await serve();
  const asked = ask("large");
  const [incoming] = (await once(asked, "response")) as [IncomingMessage];
  let text = "";
  for await (const part of incoming.setEncoding("utf8")) {
    text += part as string;
    if ((part as string).includes('"all"')) break;
  }
  expect(text.split(LARGE)).toHaveLength(EVENTS + 1);
  expect((await response).listenerCount("close")).toBeLessThan(5);
});

test.for(["broken", "brokenStream"])("an `onError` that throws fails its request alone: %s", async (path) => {
  const { ask } = await serve({
    onError: () => {
      throw new Error("onError");
    },
  });
  for (let asked = 0; asked < 2; asked += 1) {
    const [status, text] = await textOf(ask(path));
    expect([status, JSON.parse(text)]).toMatchObject([500, { error: { message: "Internal server error" } }]);
  }
});
