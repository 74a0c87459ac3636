import { expect, onTestFinished, test, vi } from "vitest";
import { SessionsError } from "@sessions/core/internal";
import type { EventRow } from "../rows/events.ts";
import { COLLECT_MS, EventBuffer } from "./event-buffer.ts";

const row = (id: string, owner = "ada"): EventRow => ({ owner, id, atMs: 0, receivedMs: 0, name: "n", data: "{}" });

/** A database that can be away. */
function staged(size = 100) {
  const state = { fault: undefined as SessionsError | undefined, written: [] as string[], reported: [] as string[] };
  const events = new EventBuffer({
    size,
    record: ({ id }) => {
      if (state.fault !== undefined) return Promise.reject(state.fault);
      state.written.push(id);
      return Promise.resolve();
    },
    report: ({ code }) => state.reported.push(code),
  });
  return { events, state };
}

/** A database that stores nothing before `store`. */
function slow() {
  const { promise: stored, resolve: store } = Promise.withResolvers<void>();
  const written: string[] = [];
  const record = ({ id }: EventRow) => stored.then(() => void written.push(id));
  return { events: new EventBuffer({ size: 100, record, report: () => {} }), written, store };
}

test("events are written together, in their order", async () => {
  const { events, state } = staged();
  for (const id of ["1", "2", "3"]) expect(events.add(row(id))).toBe(true);
  expect(state.written).toEqual([]);
  expect(events.size).toBe(3);
  await events.write();
  expect(state.written).toEqual(["1", "2", "3"]);
  expect(events.size).toBe(0);
});

test("events wait while the database is away, which is reported once", async () => {
  const { events, state } = staged();
  state.fault = new SessionsError("database_unreachable", "Away.");
  events.add(row("1"));
  await events.write();
  events.add(row("2"));
  await events.write();
  expect(state).toMatchObject({ written: [], reported: ["database_unreachable"] });
  state.fault = undefined;
  expect(await events.close()).toBe(0);
  expect(state.written).toEqual(["1", "2"]);
});

test("an event that the database can never take is given up and reported, and its owner's place is free again", async () => {
  const { events, state } = staged(10);
  state.fault = new SessionsError("database_failed", "No.");
  expect(events.add(row("1"))).toBe(true);
  await events.write();
  expect(state.reported).toEqual(["database_failed"]);
  expect(events.add(row("2"))).toBe(true);
  expect(events.size).toBe(1);
});

test("S25: one owner has a tenth of the places, and what does not fit is told", () => {
  const { events } = staged(20);
  expect(["1", "2", "3"].map((id) => events.add(row(id)))).toEqual([true, true, false]);
  const others = Array.from({ length: 20 }, (_, owner) => events.add(row("1", `${owner}`)));
  expect(others.filter(Boolean)).toHaveLength(18);
  expect(events.size).toBe(20);
});

test("close tells how many events are lost", async () => {
  const { events, state } = staged();
  state.fault = new SessionsError("database_unreachable", "Away.");
  events.add(row("1"));
  expect(await events.close()).toBe(1);
});

test("close waits for the write that runs, and writes what came after it began", async () => {
  const { events, written, store } = slow();
  events.add(row("1"));
  void events.write();
  events.add(row("2"));
  const closed = events.close();
  store();
  expect(await closed).toBe(0);
  expect(written).toEqual(["1", "2"]);
});

test("an event that comes while others are written is written too, by itself", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const { events, written, store } = slow();
  events.add(row("1"));
  await vi.advanceTimersByTimeAsync(COLLECT_MS);
  events.add(row("2"));
  await vi.advanceTimersByTimeAsync(5 * COLLECT_MS);
  store();
  await vi.advanceTimersByTimeAsync(COLLECT_MS);
  expect(written).toEqual(["1", "2"]);
});
