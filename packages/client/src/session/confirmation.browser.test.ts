import { expect, test, vi } from "vitest";
import { submitElsewhere } from "../testing/begun-transfer.ts";
import { openTab } from "../testing/devices.ts";
import { transfer } from "../testing/transfer.ts";
import { nearlyDone } from "../testing/transfer-before-review.ts";

test("a confirm step completes the session while the person waits", async () => {
  const { session } = await nearlyDone();
  const submission = session.submit("review", { accepted: true });
  expect(session.state.sync).toMatchObject({ state: "saving", pending: 1 });
  expect(session.state.status).toBe("active");
  expect(await submission).toEqual({ status: "accepted", revision: 4 });
  expect(session.state).toMatchObject({ status: "completed", sync: { state: "saved", pending: 0 } });
});

test("a confirm step is refused while anything is pending, offline, or asked for twice", async () => {
  const { server, session, pushed } = await nearlyDone();
  const first = session.submit("review", { accepted: true });
  expect(await session.submit("review", { accepted: true })).toEqual({
    status: "refused",
    refusal: { code: "unsettled", pending: 1 },
  });
  expect(await first).toMatchObject({ status: "accepted" });
  expect(pushed()).toHaveLength(1);

  const { server: other, session: offline, pushed: nothing } = await nearlyDone();
  const changed = offline.submit("amount", { cents: 6 });
  expect(await offline.submit("review", { accepted: true })).toEqual({
    status: "refused",
    refusal: { code: "unsettled", pending: 1 },
  });
  await changed;
  other.faults.away = true;
  other.breakStreams();
  expect(await offline.submit("review", { accepted: true })).toEqual({
    status: "refused",
    refusal: { code: "offline" },
  });
  expect(nothing().map(({ kind }) => kind)).toEqual(["submit"]);
  expect(server.snapshot(session.id).status).toBe("completed");
});

test("S3: a confirm step is refused when what it depends on changed since the person looked", async () => {
  const { server, session } = await nearlyDone();
  const { promise: changed, resolve: change } = Promise.withResolvers<void>();
  server.faults.beforePush = () => changed;
  const submission = session.submit("review", { accepted: true });
  submitElsewhere(server, session.id, "amount", { cents: 500 });
  change();
  expect(await submission).toMatchObject({ status: "refused", refusal: { code: "conflict", changed: ["amount"] } });
  expect(session.state).toMatchObject({ status: "active", data: { amount: { cents: 500 } }, shelved: [] });
});

test("a confirm step is sent when only the stream is broken", async () => {
  const { server, session } = await nearlyDone();
  server.faults.streamsAway = true;
  server.breakStreams();
  expect(await session.submit("review", { accepted: true })).toEqual({ status: "accepted", revision: 4 });
  expect(session.state.status).toBe("completed");
});

test("S2: of a confirmation and a cancellation in two tabs at once one is taken", async () => {
  const { server, owner, session } = await nearlyDone();
  const other = openTab(server, { owner });
  await other.ready;
  const beside = other.open(transfer, session.id);
  const [confirmed, cancelled] = [session.submit("review", { accepted: true }), beside.cancel()];
  const outcomes = [(await confirmed).status, (await cancelled).status];
  expect(outcomes.toSorted()).toEqual(["accepted", "refused"]);
  const status = outcomes[0] === "accepted" ? "completed" : "cancelled";
  await vi.waitFor(() => expect(beside.state).toMatchObject({ status, provisional: false, shelved: [] }));
  expect(server.snapshot(session.id).status).toBe(status);
});
