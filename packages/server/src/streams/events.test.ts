import { getEventListeners } from "node:events";
import { expect, test } from "vitest";
import { Events, type EventSink } from "./events.ts";

/** A stream that the test writes to. */
function source(signal?: AbortSignal) {
  const asked = { times: 0, hasLeft: false };
  let sink: EventSink<number> | undefined;
  const events = new Events<number>((opened) => {
    sink = opened;
    return { next: () => void (asked.times += 1), leave: () => void (asked.hasLeft = true) };
  }, signal);
  return { asked, stream: events[Symbol.asyncIterator](), sink: () => sink! };
}

test("each event is asked for when its reader wants it, and not before", async () => {
  const { asked, stream, sink } = source();
  const first = stream.next();
  expect(asked.times).toBe(1);
  sink().take(1);
  expect(await first).toEqual({ done: false, value: 1 });
  expect(asked.times).toBe(1);
  const second = stream.next();
  sink().take(2);
  expect(await second).toEqual({ done: false, value: 2 });
  expect(asked.times).toBe(2);
});

test("a stream that ends while its reader is busy tells the end next", async () => {
  const { stream, sink, asked } = source();
  const first = stream.next();
  sink().take(1);
  await first;
  sink().end(new Error("over"));
  await expect(stream.next()).rejects.toThrow("over");
  expect(asked.hasLeft).toBe(true);
  expect(await stream.next()).toEqual({ done: true, value: undefined });
});

test("a stream that ends without an error is done", async () => {
  const { stream, sink } = source();
  const next = stream.next();
  sink().end();
  expect(await next).toEqual({ done: true, value: undefined });
});

test("a reader that is cut off while it waits is done, and the signal keeps no listener", async () => {
  const request = new AbortController();
  const { stream, asked } = source(request.signal);
  const next = stream.next();
  request.abort();
  expect(await next).toEqual({ done: true, value: undefined });
  expect(asked.hasLeft).toBe(true);
  expect(getEventListeners(request.signal, "abort")).toHaveLength(0);
});

test("a reader that was cut off before it began opens nothing", async () => {
  const { stream, asked } = source(AbortSignal.abort());
  expect(await stream.next()).toEqual({ done: true, value: undefined });
  expect(asked.times).toBe(0);
});

test("a reader that returns leaves the stream", async () => {
  const { stream, sink, asked } = source();
  const first = stream.next();
  sink().take(1);
  await first;
  await stream.return();
  expect(asked.hasLeft).toBe(true);
});
