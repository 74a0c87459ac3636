import type { Partitions } from "../../../postgres/partitions.ts";

/** Thrown when a row has no partition for its month. It is made outside of the transaction, which then runs again. */
export class PartitionMissingError extends Error {
  readonly atMs: number;

  constructor(atMs: number) {
    super("The month has no partitions.");
    this.atMs = atMs;
  }
}

/** The months that have partitions, as far as this node knows. */
export class KnownPartitions {
  readonly #partitions: Partitions;
  readonly #ensured = new Set<string>();

  constructor(partitions: Partitions) {
    this.#partitions = partitions;
  }

  /** To be called before a transaction writes a row of this moment. */
  require(atMs: number): void {
    if (!this.#ensured.has(monthOf(atMs))) throw new PartitionMissingError(atMs);
  }

  async ensure(atMs: number): Promise<void> {
    await this.#partitions.ensure(atMs);
    this.#ensured.add(monthOf(atMs));
  }
}

const monthOf = (atMs: number) => new Date(atMs).toISOString().slice(0, "2026-11".length);
