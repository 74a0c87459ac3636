import { expect, test, vi } from "vitest";
import { openTab, someone } from "../testing/devices.ts";
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
