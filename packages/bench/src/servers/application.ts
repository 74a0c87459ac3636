import type { Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { PROTOCOL_VERSION, type Command, type Device, type PushRequest } from "@sessions/core/internal";
import { createSessions, serve, type Sessions, type SessionsOptions } from "@sessions/server";
import { inputs, transfer } from "./flow.ts";

const stepNames = Object.keys(inputs) as (keyof typeof inputs)[];

export interface Context {
  readonly user: string | undefined;
}

/** A node of the application over a pool. */
export function createNode(pool: Pool, options: Partial<SessionsOptions<Context>> = {}): Sessions {
  return createSessions<Context>({
    database: pool,
    identify: ({ user }) => user !== undefined && { owner: user },
    flows: [serve(transfer, {})],
    sweeps: false,
    ...options,
  });
}

/** How many submissions a session takes before its owner goes on to the next session. */
export const SUBMITS_PER_SESSION = 8;

/** One owner on one device, who submits step after step in session after session. */
export class VirtualUser {
  readonly owner: string;
  readonly device: Device = { id: uuidv7(), name: "Chrome on Linux" };
  readonly #begun: string[] = [];
  #session = "";
  #submitted = SUBMITS_PER_SESSION;
  #seen: Record<string, string> = {};

  constructor(owner: string) {
    this.owner = owner;
  }

  /** A push that begins sessions, for later submissions. */
  begin(count: number): PushRequest {
    const ids = Array.from({ length: count }, () => uuidv7());
    this.#begun.push(...ids);
    return this.request(
      ids.map((session) => ({ kind: "start", id: uuidv7(), session, flow: transfer.name, version: transfer.version })),
    );
  }

  /** A push of the next submission. */
  submit(): PushRequest {
    if (this.#submitted === SUBMITS_PER_SESSION) {
      const next = this.#begun.shift();
      if (next === undefined) throw new Error("Too few sessions were begun for this round.");
      this.#session = next;
      this.#submitted = 0;
      this.#seen = {};
    }
    const name = stepNames[this.#submitted % stepNames.length]!;
    const id = uuidv7();
    const seen = { [name]: this.#seen[name] ?? null };
    this.#submitted += 1;
    this.#seen[name] = id;
    return this.request([
      { kind: "submit", id, session: this.#session, version: transfer.version, step: name, input: inputs[name], seen },
    ]);
  }

  /** How many submissions are left in the sessions that were begun. */
  get submissionsLeft(): number {
    return this.#begun.length * SUBMITS_PER_SESSION + SUBMITS_PER_SESSION - this.#submitted;
  }

  request(commands: Command[]): PushRequest {
    return { protocol: PROTOCOL_VERSION, device: this.device, commands };
  }
}
