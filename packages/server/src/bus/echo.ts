import { randomUUID } from "node:crypto";
import type { Channel } from "./channel.ts";

/** The payloads of echoes begin with this, and no notice does. */
const PREFIX = "echo ";

/** Finds out whether a channel delivers what is sent to it. A server that answers may still deliver nothing. */
export class Echo {
  readonly #awaited = new Map<string, () => void>();

  /** Whether a payload is an echo, of this node or another. Then it is no notice. */
  take(payload: string): boolean {
    this.#awaited.get(payload)?.();
    return payload.startsWith(PREFIX);
  }

  /** Resolves when the channel has delivered what is sent to it now. */
  async hear(channel: Channel): Promise<void> {
    const payload = PREFIX + randomUUID();
    const { promise: heard, resolve } = Promise.withResolvers<void>();
    this.#awaited.set(payload, resolve);
    await channel.send([payload]);
    await heard;
    this.#awaited.delete(payload);
  }
}
