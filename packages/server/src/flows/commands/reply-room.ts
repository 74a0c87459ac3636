import { jsonBytes } from "../../size.ts";

/** What one reply has room for, in bytes of JSON. */
export class ReplyRoom {
  readonly #bytes: number;
  #taken = 0;

  constructor(bytes: number) {
    this.#bytes = bytes;
  }

  get isFull(): boolean {
    return this.#taken >= this.#bytes;
  }

  /**
   * Takes room for something, and gives how much; null when there is not enough left. What comes first is told however
   * large it is, and so is what is `first` of its kind: who asks again and again must get on.
   */
  take(told: object, first = false): number | null {
    const bytes = jsonBytes(told);
    if (!first && this.#taken > 0 && this.#taken + bytes > this.#bytes) return null;
    this.#taken += bytes;
    return bytes;
  }
}
