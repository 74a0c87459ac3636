/** Two versions of one flow, and servers that run one or the other over the same sessions. */
import { defineFlow, step, type AnyFlow } from "@sessions/core";
import { expect, vi } from "vitest";
import { z } from "zod";
import type { Session } from "../session/session.ts";
import type { SessionsClient } from "../sessions.ts";
import { ScriptedServer } from "./scripted-server.ts";

const address = step({ input: z.object({ street: z.string(), zip: z.string().optional() }) });

const accepted = z.object({ accepted: z.literal(true) });

export const first = defineFlow({
  name: "order",
  version: 1,
  steps: {
    payee: step({ input: z.object({ name: z.string() }) }),
    address,
    amount: step({ input: z.object({ euros: z.int() }) }),
    place: step({ input: accepted, confirm: true }),
  },
});

export const second = defineFlow({
  name: "order",
  version: 2,
  steps: {
    recipient: step({ input: z.object({ fullName: z.string().min(3) }) }),
    address,
    amount: step({ input: z.object({ cents: z.int() }) }),
    place: step({ input: accepted, confirm: true }),
  },
  migrate: {
    1: {
      payee: { to: "recipient", fields: ({ name }) => ({ fullName: name }) },
      amount: ({ euros }) => ({ cents: typeof euros === "number" ? euros * 100 : euros }),
    },
  },
});

/** A flow that no deploy changes. */
export const note = defineFlow({ name: "note", version: 1, steps: { address } });

/** What any version shows: two versions' types have little in common. */
export const shown = (session: Pick<Session, "state">) => session.state as unknown as Record<string, unknown>;

export const opened = (sessions: SessionsClient, flow: AnyFlow, id: string) => sessions.open(flow, id);

/** The same database served by another version of the server. */
export function deployed(flow: AnyFlow, before: ScriptedServer): ScriptedServer {
  const server = new ScriptedServer([flow, note]);
  for (const [id, stored] of before.sessions) server.sessions.set(id, stored);
  return server;
}

export const saved = (session: { readonly state: { readonly status: string; readonly sync: object } }) =>
  vi.waitFor(() => {
    expect(session.state).toMatchObject({ status: "active", sync: { state: "saved", pending: 0 } });
  });
