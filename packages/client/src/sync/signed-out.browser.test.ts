import { expect, test, vi } from "vitest";
import { openTab, quick, someone } from "../testing/devices.ts";
import { ScriptedServer } from "../testing/scripted-server.ts";
import { recipient, transfer } from "../testing/transfer.ts";

test("S9: what one owner queued is not sent while another is signed in, and is sent when the owner is back", async () => {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  server.faults.signedIn = someone();
  const sessions = openTab(server, { owner });
  await sessions.ready;
  const session = sessions.start(transfer);
  await session.submit("recipient", recipient).stored;
  await vi.waitFor(() => expect(session.state.sync).toMatchObject({ state: "signed_out", pending: 2 }));
  expect(server.pushes).toEqual([]);

  server.faults.signedIn = owner;
  dispatchEvent(new Event("online"));
  await vi.waitFor(() => expect(session.state.sync).toMatchObject({ state: "saved", pending: 0 }));
  expect(server.pushes.every((push) => push.owner === owner)).toBe(true);
});

test("S17: a page whose sign-in ends says so at once, keeps what is typed, and goes on when the same person is back", async () => {
  const server = new ScriptedServer([transfer]);
  const owner = someone();
  // Nothing that waits gets its turn in this test: the end itself is told.
  const sessions = openTab(server, { owner }, { ...quick, random: () => 0.9 });
  const session = sessions.start(transfer);
  await session.submit("recipient", recipient);
  server.endSignIn();
  expect(session.state.sync.state).toBe("signed_out");
  await session.draft("amount", { cents: "12," }).stored;
  expect(session.state).toMatchObject({
    drafts: { amount: { cents: "12," } },
    sync: { state: "signed_out", pending: 1 },
  });
  const before = server.pushes.length;

  // The page after a reload, and the person signs in again there.
  const reloaded = openTab(server, { owner }).open(transfer, session.id);
  await vi.waitFor(() => expect(reloaded.state.sync.state).toBe("signed_out"));
  expect(reloaded.state.drafts.amount).toEqual({ cents: "12," });
  server.faults.signedIn = owner;
  dispatchEvent(new Event("online"));
  await vi.waitFor(() => expect(reloaded.state.sync).toMatchObject({ state: "saved", pending: 0 }));
  await vi.waitFor(() => expect(session.state.sync).toMatchObject({ state: "saved", pending: 0 }));
  expect(server.snapshot(session.id).drafts["amount"]!["cents"]!.value).toBe("12,");
  expect(server.pushes.slice(before).every((push) => push.owner === owner)).toBe(true);
});

test("a device with nothing to send says too that nobody is signed in, and opens no more streams", async () => {
  const server = new ScriptedServer([transfer]);
  const sessions = openTab(server, { owner: someone() });
  const session = sessions.start(transfer);
  await vi.waitFor(() => expect(session.state.sync.state).toBe("saved"));
  server.faults.signedIn = null;
  server.breakStreams();
  await vi.waitFor(() => expect(session.state.sync.state).toBe("signed_out"));
  expect(server.streams).toBe(0);
});
