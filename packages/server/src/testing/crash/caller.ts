import { setTimeout } from "node:timers/promises";
import { createTRPCClient, httpLink } from "@trpc/client";
import { v7 as uuidv7 } from "uuid";
import { PROTOCOL_VERSION, type Command, type Device, type Outcome } from "@sessions/core/internal";
import { cancel, draft, start, submit } from "../bank.ts";
import type { Random } from "../random.ts";
import type { NodeRouter } from "./server-process.ts";

/** A command with its final answer. */
export interface Answered {
  readonly owner: string;
  readonly command: Command;
  readonly outcome: Outcome;
}

export interface CallerOptions {
  readonly owner: string;
  /** A session of the owner that all of the owner's callers write. */
  readonly shared: string;
  readonly random: Random;
  /** The addresses that callers may use now. */
  readonly urls: () => readonly string[];
  /** The answered commands, in the order of the answers. */
  readonly log: Answered[];
}

/** One device that continues through all failures: it sends a command, with the same id, until it is answered. */
export class Caller {
  readonly #options: CallerOptions;
  readonly #device: Device = { id: uuidv7(), name: "Caller" };

  constructor(options: CallerOptions) {
    this.#options = options;
  }

  /** Writes until it is told to stop, and finishes the last session. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const chance = this.#options.random.next();
      if (chance < 0.5) await this.#transfer();
      else if (chance < 0.75) await this.#writeShared();
      else await this.#notes();
    }
  }

  async #transfer(): Promise<void> {
    const session = uuidv7();
    const recipient = submit(session, "recipient", { name: "Grace", iban: "BE71096123456769" });
    const amount = submit(session, "amount", { cents: this.#options.random.between(1, 50_000) });
    await this.#push([start(session), recipient, amount]);
    const seen = { review: null, recipient: recipient.id, amount: amount.id };
    await this.#push([submit(session, "review", { accepted: true }, seen)]);
  }

  async #writeShared(): Promise<void> {
    const { owner, shared } = this.#options;
    const { session } = await this.#call((client) => client.sessions.read.query({ session: shared }));
    if (session === null) return this.#push([{ ...start(shared, "notes"), id: shared }]);
    const seen = { left: session.submissions["left"]?.command ?? null };
    await this.#push([submit(shared, "left", { text: owner }, seen), draft(shared, "right", uuidv7(), owner)]);
  }

  async #notes(): Promise<void> {
    const session = uuidv7();
    await this.#push([start(session, "notes"), draft(session, "right", "first", 1)]);
    await this.#push([submit(session, "left", { text: "x" }), draft(session, "right", "second", 2)]);
    if (this.#options.random.next() < 0.5) await this.#push([cancel(session)]);
  }

  async #push(commands: readonly Command[]): Promise<void> {
    const { owner, log } = this.#options;
    let waiting = commands;
    while (waiting.length > 0) {
      const request = { protocol: PROTOCOL_VERSION, device: this.#device, commands: [...waiting] };
      const { outcomes } = await this.#call((client) => client.sessions.push.mutate(request));
      const later = new Set<Command>();
      for (const [index, command] of waiting.entries()) {
        const outcome = outcomes[index]!;
        const again = outcome.status === "refused" && /^(busy|failed)$/.test(outcome.refusal.code);
        if (again) later.add(command);
        else log.push({ owner, command, outcome });
      }
      waiting = waiting.filter((command) => later.has(command));
    }
  }

  /** Calls one server or another until one answers. */
  async #call<T>(work: (client: ReturnType<typeof clientOf>) => Promise<T>): Promise<T> {
    const { urls, random, owner } = this.#options;
    for (;;) {
      try {
        const found = urls();
        if (found.length > 0) return await work(clientOf(random.pick(found), owner));
      } catch {
        // The server was killed, cut off, or without its database, so the outcome of the command is not known.
      }
      await setTimeout(random.between(5, 25));
    }
  }
}

function clientOf(url: string, owner: string) {
  return createTRPCClient<NodeRouter>({ links: [httpLink({ url, headers: { "x-user": owner } })] });
}
