import { expect, onTestFinished, test, vi } from "vitest";
import { createSessionsClient } from "./sessions.ts";
import { transfer } from "./testing/transfer.ts";

test("on a server that renders a page everything is loading, and nothing is kept, sent or waited for", async () => {
  vi.useFakeTimers();
  const fetching = vi.spyOn(globalThis, "fetch");
  const channels = vi.fn<() => void>();
  vi.stubGlobal("BroadcastChannel", channels);
  onTestFinished(() => {
    vi.unstubAllGlobals();
    vi.useRealTimers();
  });
  const sessions = createSessionsClient({ flows: [transfer], url: "/trpc", owner: "ada" });
  const session = sessions.open(transfer, "0190b2f4-0000-7000-8000-0000000000ff");
  expect(session.state.status).toBe("loading");
  expect(session.initialState).toMatchObject({
    status: "loading",
    data: {},
    startedAt: null,
    sync: { state: "saved" },
  });
  expect(sessions.list(transfer).initialState).toMatchObject({ active: [], ended: [], loading: true });
  expect(session.initialState).toBe(session.initialState);
  expect(() => sessions.start(transfer)).toThrow("closed: ");
  expect(() => session.draft("amount", { cents: 1 })).toThrow("closed: ");
  // Work that was to begin soon would have begun, and would keep the process running.
  await vi.advanceTimersByTimeAsync(0);
  expect(vi.getTimerCount()).toBe(0);
  expect(channels).not.toHaveBeenCalled();
  expect(fetching).not.toHaveBeenCalled();
});
