import { seenBy, type Device } from "@sessions/core/internal";
import { expect, vi } from "vitest";
import type { Session } from "../session/session.ts";
import { submit } from "../../../core/src/testing/commands.ts";
import { elsewhere, openTab, someone } from "./devices.ts";
import { ScriptedServer } from "./scripted-server.ts";
import { recipient, transfer } from "./transfer.ts";

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

/** Submits an amount that another device changes meanwhile. Resolves when the server has refused it; gives its id. */
export async function submitRefusedAmount(server: ScriptedServer, session: Session<typeof transfer>): Promise<string> {
  await session.submit("recipient", recipient);
  await session.submit("amount", { cents: 1 });
  server.faults.away = true;
  server.breakStreams();
  const mine = session.submit("amount", { cents: 2 });
  await mine.stored;
  submitElsewhere(server, session.id, "amount", { cents: 3 });
  server.faults.away = false;
  expect(await mine).toMatchObject({ status: "refused", refusal: { code: "conflict", changed: ["amount"] } });
  return mine.id;
}
