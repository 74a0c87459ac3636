import { seenBy, type Device } from "@sessions/core/internal";
import { expect, vi } from "vitest";
import type { Session } from "../session/session.ts";
import { submit } from "../../../core/src/testing/commands.ts";
import { elsewhere, openTab, someone } from "./devices.ts";
import { ScriptedServer } from "./scripted-server.ts";
import { transfer } from "./transfer.ts";

/** A tab that has begun a transfer, and its server. The server may not have heard of it yet: see `reachServer`. */
export function beginTransfer(owner = someone()) {
  const server = new ScriptedServer([transfer]);
  const sessions = openTab(server, { owner });
  return { server, owner, sessions, session: sessions.start(transfer) };
}

/** Resolves when the server has the start, and nothing waits. */
export async function reachServer(session: Pick<Session<typeof transfer>, "state">): Promise<void> {
  await vi.waitFor(() => expect(session.state).toMatchObject({ revision: 1, sync: { state: "saved" } }), 5_000);
}

/** Another device submits a step of a transfer, and has seen all that the server holds. Gives the command's id. */
export function submitElsewhere(
  server: ScriptedServer,
  session: string,
  step: "recipient" | "amount",
  input: object,
  by: Device = elsewhere(),
): string {
  const command = submit(session, step, input as never, { seen: seenBy(transfer, server.snapshot(session), step) });
  expect(server.take(by, command)).toMatchObject([{ status: "accepted" }]);
  return command.id;
}
