import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { initTRPC } from "@trpc/server";
import { expect, onTestFinished, test } from "vitest";
import { Events, type EventSink } from "../streams/events.ts";
import type { AnswersOptions } from "./answers.ts";
import { createLane } from "./lane.ts";

const LARGE = "x".repeat(256 * 1024);
const EVENTS = 20;

/** What a transformer of an application cannot write. */
const UNWRITABLE = "unwritable";

/** A server with a lane alone. The test writes to its streams. */
async function serve(options: Partial<AnswersOptions> = {}) {
  const { promise: ended, resolve: onEnd } = Promise.withResolvers<void>();
  const { promise: response, resolve: onResponse } = Promise.withResolvers<ServerResponse>();
  const sinks = new Set<EventSink<unknown>>();
  let asked = 0;
  const read = (value: unknown) => value;
  const serialize = (value: unknown) => {
    if (value === UNWRITABLE) throw new Error("transformer");
    return value;
  };
  const t = initTRPC.create({ transformer: { serialize, deserialize: read } });
  /** A stream of the events of `nextOf`, which gets how many were asked for; undefined: the stream waits. */
  const stream = (nextOf: (nth: number) => unknown) =>
    t.procedure.subscription(
      () =>
        new Events<unknown>((sink) => {
          sinks.add(sink);
          let nth = 0;
          return {
            next: () => {
              asked += 1;
              const event = nextOf((nth += 1));
              if (event !== undefined) sink.take(event);
            },
            leave: () => {
              sinks.delete(sink);
              onEnd();
            },
          };
        }),
    );
  const router = t.router({
    broken: t.procedure.query(() => {
      throw new Error("broken");
    }),
    idle: stream((nth) => (nth === 1 ? "begun" : undefined)),
    brokenStream: t.procedure.subscription(() => {
      throw new Error("broken");
    }),
    large: stream((nth) => (nth <= EVENTS ? LARGE : nth === EVENTS + 1 ? "all" : undefined)),
    endless: stream(() => LARGE),
  });
  const lane = createLane(router, { router, createContext: () => ({}), ...options });
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
    const request = httpRequest({ port, path: `/${path}` });
    request.on("error", () => {});
    return request.end();
  };
  return { ask, ended, response, sinks, asked: () => asked };
}

/** Reads an answer. `until` resolves when it holds a text. */
async function reading(asked: ReturnType<typeof httpRequest>) {
  const [incoming] = (await once(asked, "response")) as [IncomingMessage];
  let text = "";
  incoming.setEncoding("utf8").on("data", (part: string) => (text += part));
  incoming.on("error", () => {});
  return {
    incoming,
    text: () => text,
    until: (part: string) => expect.poll(() => text, { timeout: 5_000 }).toContain(part),
  };
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

test("S25: a client that does not read is asked for no event, and little waits for it", async () => {
  const { ask, response, asked, ended } = await serve();
  const request = ask("endless");
  const [incoming] = (await once(request, "response")) as [IncomingMessage];
  incoming.pause();
  const sent = await response;
  await expect.poll(() => sent.writableNeedDrain).toBe(true);
  const before = asked();
  await new Promise((resolve) => setImmediate(resolve));
  expect(asked()).toBe(before);
  expect(sent.writableLength).toBeLessThan(3 * LARGE.length);
  request.destroy();
  await ended;
});

test("an event that cannot be written ends its stream with an error, and no other stream", async () => {
  const { ask, sinks } = await serve();
  const [one, other] = [await reading(ask("idle")), await reading(ask("idle"))];
  await Promise.all([one.until("begun"), other.until("begun")]);
  const [first, second] = sinks;
  first!.take(UNWRITABLE);
  second!.take("news");
  await Promise.all([one.until("serialized-error"), other.until("news")]);
  expect(one.text()).not.toContain("news");
  expect([...sinks]).toEqual([second]);
});

test("a response whose own `write` throws ends its stream, and no other stream", async () => {
  const { ask, sinks, response } = await serve();
  const one = await reading(ask("idle"));
  await one.until("begun");
  const other = await reading(ask("idle"));
  await other.until("begun");
  const broken = await response;
  broken.write = broken.end = () => {
    throw new Error("write");
  };
  for (const sink of sinks) sink.take("news");
  await other.until("news");
  expect(sinks.size).toBe(1);
  await expect.poll(() => one.incoming.destroyed).toBe(true);
});

test("an event for a client that has just left is not written, and its stream ends", async () => {
  const { ask, sinks, response, ended } = await serve();
  const { until } = await reading(ask("idle"));
  await until("begun");
  const left = await response;
  let written = 0;
  const write = left.write.bind(left) as (chunk: unknown) => boolean;
  left.write = (chunk: unknown) => {
    written += 1;
    return write(chunk);
  };
  left.destroy();
  for (const sink of sinks) sink.take("news");
  await ended;
  expect(written).toBe(0);
});

test("streams end after the longest time that the application allows, without a last event", async () => {
  const t = initTRPC.create({ sse: { maxDurationMs: 100 } });
  const router = t.router({
    idle: t.procedure.subscription(() => new Events((sink) => ({ next: () => void sink, leave: () => {} }))),
  });
  const lane = createLane(router, { router, createContext: () => ({}) });
  const server = createServer((req, res) => void lane(req, res));
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const [status, text] = await textOf(httpRequest({ port, path: "/idle" }).end());
  expect([status, text]).toEqual([200, "event: connected\ndata: {}\n\n\n"]);
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
