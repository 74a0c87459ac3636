import type { AnyFlow, Device } from "@sessions/core";
import { afterEach, vi } from "vitest";
import { browserEnvironment, type Environment } from "../environment.ts";
import { assembleSessionsClient, type SessionsClient, type SessionsClientOptions } from "../sessions.ts";
import type { SessionTransport } from "../sync/http/transport.ts";
import type { ScriptedServer } from "./scripted-server.ts";
import { transfer } from "./transfer.ts";

const opened = new Set<SessionsClient>();

afterEach(async () => {
  for (const sessions of opened) await sessions.forget().catch(() => {});
  opened.clear();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** Retries come soon, and in the same time in every run. */
export const quick: Environment = { ...browserEnvironment, random: () => 0.02 };

/** An owner whom no other test has. */
export function someone(): string {
  return `owner-${crypto.randomUUID()}`;
}

/** A tab of a device. The same owner and profile again is another tab, or the page after a reload. */
export function openTab(
  server: ScriptedServer,
  options: Omit<Partial<SessionsClientOptions>, "url" | "mount" | "transport" | "credentials" | "headers"> & {
    readonly owner: string;
    readonly transport?: SessionTransport;
  },
  environment = quick,
): SessionsClient {
  const flows: readonly AnyFlow[] = [transfer];
  const sessions = assembleSessionsClient({ flows, transport: server.transport, ...options }, environment);
  opened.add(sessions);
  return sessions;
}

/** Another device of the owner, that the server hears directly. */
export function elsewhere(): Device {
  return { id: quick.id(), name: "Elsewhere" };
}
