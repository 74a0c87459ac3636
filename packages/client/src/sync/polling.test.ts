import { expect, test, vi } from "vitest";
import { createDeferred, type Deferred } from "../deferred.ts";
import { simulatedTime } from "../testing/simulated-time.ts";
import { createConnection } from "./connection.ts";
import { createPolling } from "./polling.ts";

/** A page without a stream. Each call to the server waits in `calls` for its answer. */
function polled() {
  const time = simulatedTime();
  const { environment } = time;
  const calls: Deferred<void>[] = [];
  const connection = createConnection(environment, { read: () => 0, write: () => {} }, () => {});
  const page = { isOpen: true, isWanted: true };
  const onAnswer = vi.fn<(wasUnreachable: boolean) => boolean>(() => page.isWanted);
  const nameFewer = vi.fn<(error: unknown) => void>();
  const polling = createPolling({
    environment,
    connection,
    incoming: {
      heardAtMs: 0,
      revisions: () => ({}),
      read: () => calls[calls.push(createDeferred()) - 1]!.promise,
      receive: () => {},
      accept: () => {},
      nameFewer,
    },
    isOpen: () => page.isOpen,
    isWanted: () => page.isWanted,
    onAnswer,
  });
  return {
    time,
    connection,
    page,
    polling,
    calls,
    onAnswer,
    nameFewer,
    /** Answers the last call, or lets it fail. */
    async answer(error?: Error) {
      if (error) calls.at(-1)!.reject(error);
      else calls.at(-1)!.resolve();
      await calls.at(-1)!.promise.catch(() => {});
    },
  };
}

test("the page asks again four seconds after an answer, and has one call at a time", async () => {
  const { polling, calls, time, answer } = polled();
  polling.ask();
  polling.ask();
  expect(calls).toHaveLength(1);
  await answer();
  time.pass(3_999);
  expect(calls).toHaveLength(1);
  time.pass(1);
  expect(calls).toHaveLength(2);
});

test.each([undefined, new Error("Nobody answers.")])(
  "the page asks no more once a stream brings the events, after an answer and after a failure",
  async (error) => {
    const { polling, page, calls, time, answer } = polled();
    polling.ask();
    page.isWanted = false;
    await answer(error);
    time.pass(60_000);
    expect(calls).toHaveLength(1);
  },
);

test("a call that fails takes the connection down, names fewer sessions, and is repeated after longer and longer pauses", async () => {
  const { polling, calls, connection, nameFewer, time, answer } = polled();
  polling.ask();
  const error = new Error("Nobody answers.");
  await answer(error);
  expect(connection.state.up).toBe(false);
  expect(nameFewer).toHaveBeenCalledWith(error);
  time.pass(500);
  expect(calls).toHaveLength(2);
  await answer(error);
  time.pass(999);
  expect(calls).toHaveLength(2);
  time.pass(1);
  expect(calls).toHaveLength(3);
});

test("the first answer after a failure says that the server was unreachable", async () => {
  const { polling, onAnswer, time, answer } = polled();
  polling.ask();
  await answer(new Error("Nobody answers."));
  time.pass(500);
  await answer();
  time.pass(4_000);
  await answer();
  expect(onAnswer.mock.calls).toEqual([[true], [false]]);
});

test("a closed page asks nothing", async () => {
  const { polling, page, calls, time, answer } = polled();
  polling.ask();
  page.isOpen = false;
  await answer(new Error("Nobody answers."));
  time.pass(60_000);
  polling.ask();
  expect(calls).toHaveLength(1);
});
