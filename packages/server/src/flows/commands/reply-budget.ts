import { jsonBytes } from "../../json-bytes.ts";

/** The size of one reply, in bytes of JSON: how much it may be, and how much is used. */
export class ReplyBudget {
  readonly #bytes: number;
  #spent = 0;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  get isSpent(): boolean {
    return this.#spent >= this.#bytes;
  }

  /**
   * Counts a part of the reply, and gives its bytes; null when the reply has no room for it. The first part of a reply
   * always has room, and so has a part that `isFirst` of its kind: a client that asks again and again must get on.
   */
  spend(part: object, isFirst = false): number | null {
    const bytes = jsonBytes(part);
    if (!isFirst && this.#spent > 0 && this.#spent + bytes > this.#bytes) return null;
    this.#spent += bytes;
    return bytes;
  }
}
