/** How many places of a queue each owner has taken. One owner's load must not take the place of the others. */
export class OwnerShares {
  readonly #atMost: number;
  readonly #taken = new Map<string, number>();

  constructor(atMost: number) {
    this.#atMost = atMost;
  }

  /** Takes one place. False if the owner has no more. */
  take(owner: string): boolean {
    const before = this.#taken.get(owner) ?? 0;
    if (before >= this.#atMost) return false;
    this.#taken.set(owner, before + 1);
    return true;
  }

  giveBack(owner: string): void {
    const left = this.#taken.get(owner)! - 1;
    if (left === 0) this.#taken.delete(owner);
    else this.#taken.set(owner, left);
  }
}
