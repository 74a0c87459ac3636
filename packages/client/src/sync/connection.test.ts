import { afterEach, expect, test, vi } from "vitest";
import type { ClockOffset } from "../store/clock-offset.ts";
import { browserEnvironment } from "../environment.ts";
import { createConnection, type Connection } from "./connection.ts";

const DAYS_MS = 3 * 86_400_000;
const SERVER_MS = Date.parse("2026-11-28T07:00:00Z");

afterEach(() => vi.unstubAllGlobals());

/** A page of a device whose clock is wrong by so much; `kept` is what the device knows from pages before. */
function openedLink(wrongByMs: number, stored: { offsetMs: number }): Connection {
  const clock: ClockOffset = { read: () => stored.offsetMs, write: (offsetMs) => void (stored.offsetMs = offsetMs) };
  return createConnection({ ...browserEnvironment, now: () => SERVER_MS + wrongByMs }, clock, () => {});
}

test.each([DAYS_MS, -DAYS_MS, 0])(
  "S7: a device whose clock is %d ms ahead, opened offline, knows the time by what it was told before",
  (wrongByMs) => {
    const stored = { offsetMs: 0 };
    openedLink(wrongByMs, stored).heard(new Date(SERVER_MS).toISOString());
    vi.stubGlobal("navigator", { onLine: false });
    expect(openedLink(wrongByMs, stored).now()).toBe(SERVER_MS);
  },
);

/** A page whose device's clock somebody sets, and that was told the time or was not. */
function settable(told = true) {
  const at = { setByMs: 0, elapsedMs: 0 };
  const stored = { offsetMs: 0 };
  const clock: ClockOffset = { read: () => stored.offsetMs, write: (offsetMs) => void (stored.offsetMs = offsetMs) };
  const now = () => SERVER_MS + at.setByMs + at.elapsedMs;
  const connection = createConnection({ ...browserEnvironment, now, elapsed: () => 7 + at.elapsedMs }, clock, () => {});
  if (told) connection.heard(new Date(SERVER_MS).toISOString());
  return { connection, at, stored };
}

test("a clock that was set back while the page is open leaves the time as it was, on the next page too", () => {
  for (const told of [true, false]) {
    const { connection, at, stored } = settable(told);
    Object.assign(at, { setByMs: -DAYS_MS, elapsedMs: 60_000 });
    expect(connection.now()).toBe(SERVER_MS + 60_000);
    expect(stored.offsetMs).toBe(DAYS_MS);
  }
});

test.each([DAYS_MS, -DAYS_MS])(
  "S7: a clock that is set by %d ms while the page is open brings no deadline nearer",
  (setByMs) => {
    const { connection, at } = settable();
    Object.assign(at, { setByMs, elapsedMs: 60_000 });
    connection.now();
    expect(connection.serverMs).toBe(SERVER_MS + 60_000);
    // Another tab is told so.
    const other = settable(false);
    other.connection.takeOver(connection.state, connection.serverMs);
    other.at.elapsedMs = 1_000;
    expect(other.connection.serverMs).toBe(SERVER_MS + 61_000);
  },
);

test("S7: a page that has not heard the server knows no time by which a session could have expired", () => {
  const { connection, at } = settable(false);
  at.elapsedMs = DAYS_MS;
  connection.failed();
  connection.takeOver(connection.state, null);
  expect(connection.serverMs).toBeNull();
});

test("an answer outranks a browser that says it is offline", () => {
  vi.stubGlobal("navigator", { onLine: false });
  const connection = openedLink(0, { offsetMs: 0 });
  expect(!connection.state.up).toBe(true);
  connection.heard(new Date(SERVER_MS).toISOString());
  expect(!connection.state.up).toBe(false);
});

test("what differs by less than a second is not written again and again", () => {
  const written: number[] = [];
  const clock: ClockOffset = { read: () => 0, write: (offsetMs) => void written.push(offsetMs) };
  const connection = createConnection({ ...browserEnvironment, now: () => SERVER_MS }, clock, () => {});
  for (const ms of [400, -300, 900, 5_000, 5_400]) connection.heard(new Date(SERVER_MS + ms).toISOString());
  // Of two that lie apart: 900 is 1,200 after -300.
  expect(written).toEqual([900, 5_000]);
});
