import { expect, test } from "vitest";
import type { SessionsError } from "@sessions/core";
import type { Identity } from "../configuration/identity.ts";
import { Events, type EventSink, type OpenStream } from "../../streams/events.ts";
import { untilSignInEnds } from "./sign-in-end.ts";

/** A sign-in that the test ends, and the number of streams that wait for its end. */
function signIn() {
  const ends = new Set<(why?: "renew") => void>();
  const identity: Identity = {
    owner: "ada",
    onEnded: (end) => {
      ends.add(end);
      return () => ends.delete(end);
    },
  };
  return { identity, end: (why?: "renew") => ends.forEach((end) => end(why)), waiting: () => ends.size };
}

/** A stream of numbers. It makes each when it is told, the first one at once. */
function numbers() {
  let sink: EventSink<number> | undefined;
  let made = 0;
  let hasLeft = false;
  const tell = () => sink?.take((made += 1));
  const open = (opened: EventSink<number>): OpenStream => ({
    next: () => {
      sink = opened;
      if (made === 0) tell();
    },
    leave: () => void (hasLeft = true),
  });
  return { open, tell, hasLeft: () => hasLeft };
}

const reported: SessionsError[] = [];
const watch = <Event>(identity: Identity, open: Parameters<typeof untilSignInEnds<Event>>[1], signal?: AbortSignal) => {
  const opening = untilSignInEnds(identity, open, (fault) => {
    reported.push(fault);
    return new Error("Answered.");
  });
  return new Events(opening, signal)[Symbol.asyncIterator]();
};

const signedOut = { code: "UNAUTHORIZED", message: "The sign-in has ended." };

test("S17: a stream whose sign-in ends is told that nobody is signed in, and gets nothing more", async () => {
  const { identity, end, waiting } = signIn();
  const stream = watch(identity, numbers().open);
  expect(await stream.next()).toEqual({ done: false, value: 1 });
  const next = stream.next();
  end();
  await expect(next).rejects.toMatchObject(signedOut);
  expect(waiting()).toBe(0);
});

test("S17: what a stream makes after the end of its sign-in is not sent", async () => {
  const { identity, end } = signIn();
  const { open, tell, hasLeft } = numbers();
  const stream = watch(identity, open);
  await stream.next();
  end();
  expect(hasLeft()).toBe(true);
  tell();
  await expect(stream.next()).rejects.toMatchObject(signedOut);
});

test("S17: a sign-in that ended before its stream began gets no event", async () => {
  const identity: Identity = {
    owner: "ada",
    onEnded: (end) => {
      end();
      return () => {};
    },
  };
  await expect(watch(identity, numbers().open).next()).rejects.toMatchObject(signedOut);
});

test("a stream that has to be opened again ends as when its node closes, and is no sign-out", async () => {
  const { identity, end, waiting } = signIn();
  const stream = watch(identity, numbers().open);
  await stream.next();
  const next = stream.next();
  end("renew");
  expect(await next).toEqual({ done: true, value: undefined });
  expect(waiting()).toBe(0);
});

test("a stream that its reader or its node ends waits for its sign-in no more, and is no sign-out", async () => {
  const { identity, waiting } = signIn();
  const left = watch(identity, numbers().open);
  await left.next();
  expect(waiting()).toBe(1);
  await left.return();
  const request = new AbortController();
  const aborted = watch(identity, numbers().open, request.signal);
  await aborted.next();
  request.abort();
  expect(await aborted.next()).toEqual({ done: true, value: undefined });
  expect(waiting()).toBe(0);
});

test("a stream of an application that cannot tell the end of a sign-in goes on", async () => {
  const { open, tell } = numbers();
  const stream = watch({ owner: "ada" }, open);
  await stream.next();
  const next = stream.next();
  tell();
  expect(await next).toEqual({ done: false, value: 2 });
});

test.for<[string, () => unknown, RegExp]>([
  [
    "throws",
    () => {
      throw new Error("secret");
    },
    /^identify_failed: `onEnded` threw/,
  ],
  ["gives nothing to unsubscribe with", () => {}, /^context_invalid: `onEnded` returns a function/],
])(
  "a stream of an application whose `onEnded` %s is not opened, and the fault is reported",
  async ([, onEnded, message]) => {
    reported.length = 0;
    const identity = { owner: "ada", onEnded } as Identity;
    await expect(watch(identity, numbers().open).next()).rejects.toThrow("Answered.");
    expect(reported.map((fault) => fault.message)).toEqual([expect.stringMatching(message)]);
  },
);

test("a stream whose application cannot remove `end` ends all the same, and the fault is reported", async () => {
  reported.length = 0;
  const identity: Identity = {
    owner: "ada",
    onEnded: () => () => {
      throw new Error("secret");
    },
  };
  const stream = watch(identity, numbers().open);
  await stream.next();
  expect(await stream.return()).toEqual({ done: true, value: undefined });
  expect(reported.map((fault) => fault.message)).toEqual([expect.stringMatching(/^identify_failed: The function/)]);
});
