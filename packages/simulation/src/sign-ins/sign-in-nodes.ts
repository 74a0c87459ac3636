import type { Random } from "../../../server/src/testing/random.ts";
import {
  createRotation,
  judgeToken,
  type OfferedSecret,
  type TokenJudgement,
  type RotationState,
} from "../../../server/src/sign-in/token/rotation.ts";
import type { Agenda } from "./agenda.ts";

/** How long a node believes its cache. */
const LEASE_MS = 10_000;
/** How far the clock of a node may be off. */
const CLOCK_OFF_MS = 5_000;
const COMMIT_MS = 2_000;

interface Node {
  readonly offMs: number;
  cached: { readonly row: RotationState; readonly readMs: number } | undefined;
}

export interface Answer {
  readonly kind: "live" | "superseded" | "nobody";
  readonly offer?: OfferedSecret;
}

/** A promise that does not hold. Its message begins with the promise's number. */
export class BrokenPromiseError extends Error {}

/** Some nodes, with caches of different age, over the row of one sign-in. */
export class SignInNodes {
  row: RotationState;
  readonly first: OfferedSecret;
  /** When it ended as `secret_reused`. */
  endedMs: number | undefined;
  /** When the row moved on to each generation. */
  readonly movedMs = new Map<number, number>();
  /** All secrets that were offered, by generation. */
  readonly secrets = new Map<number, OfferedSecret>();

  readonly #agenda: Agenda;
  readonly #random: Random;
  readonly #rotateMs: number;
  readonly #nodes: readonly Node[];

  constructor(agenda: Agenda, random: Random, rotateMs: number) {
    this.#agenda = agenda;
    this.#random = random;
    this.#rotateMs = rotateMs;
    const { rotation, offer } = createRotation(agenda.nowMs, undefined, (bytes) => this.#bytes(bytes));
    this.row = rotation;
    this.first = offer;
    this.secrets.set(0, offer);
    this.#nodes = Array.from({ length: random.between(1, 3) }, () => ({
      offMs: random.between(-CLOCK_OFF_MS, CLOCK_OFF_MS),
      cached: undefined,
    }));
  }

  /** A request arrives at one of the nodes. It is answered at once, or after a commit. */
  check(offer: OfferedSecret, answer: (answer: Answer) => void): void {
    const node = this.#random.pick(this.#nodes);
    const { cached } = node;
    if (cached && this.#agenda.nowMs - cached.readMs <= LEASE_MS) {
      const presented = this.#present(cached.row, offer, node);
      if (presented.kind === "accepted" && !presented.write) return answer(this.#answer(presented));
    }
    this.#ask(node, offer, answer);
  }

  #ask(node: Node, offer: OfferedSecret, answer: (answer: Answer) => void): void {
    if (this.endedMs !== undefined) return answer({ kind: "nobody" });
    const { row } = this;
    node.cached = { row, readMs: this.#agenda.nowMs };
    const presented = this.#present(row, offer, node);
    const write = presented.kind === "accepted" ? presented.write : undefined;
    if (presented.kind !== "reused" && !write) return answer(this.#answer(presented));
    this.#agenda.after(this.#random.between(0, COMMIT_MS), () => {
      // Another writer came first.
      if (this.endedMs !== undefined || this.row.revision !== row.revision) return this.#ask(node, offer, answer);
      if (write) {
        if (write.generation !== row.generation) this.movedMs.set(write.generation, this.#agenda.nowMs);
        this.row = write;
        node.cached = { row: write, readMs: this.#agenda.nowMs };
      } else {
        this.endedMs = this.#agenda.nowMs;
        for (const each of this.#nodes) each.cached = undefined;
      }
      answer(this.#answer(presented));
    });
  }

  #answer(presented: TokenJudgement): Answer {
    if (presented.kind === "reused") return { kind: "nobody" };
    if (presented.kind !== "accepted") return presented;
    const { offer } = presented;
    if (!offer) return { kind: "live" };
    const known = this.secrets.get(offer.generation) ?? offer;
    this.secrets.set(offer.generation, known);
    if (!Buffer.from(known.secret).equals(offer.secret)) {
      throw new BrokenPromiseError(`S16: generation ${offer.generation} has two secrets`);
    }
    return { kind: "live", offer };
  }

  /** How many secrets are accepted now, by a request with the right branch. */
  liveSecrets(): number {
    const { row } = this;
    const isAccepted = (generation: number, branch: string) => {
      const known = this.secrets.get(generation);
      if (!known) return false;
      const offer = { generation, branch, secret: known.secret };
      return this.#present(row, offer, { offMs: 0, cached: undefined }).kind === "accepted";
    };
    // A branch of the highest number of restarts. Any branch of the next generation would do.
    const any = "_AAAAAAAAAA";
    const accepted = [
      isAccepted(row.generation + 1, any),
      isAccepted(row.generation, row.branch ?? any),
      isAccepted(row.generation - 1, row.previousBranch ?? any),
      isAccepted(row.generation - 2, any),
    ];
    return accepted.filter(Boolean).length;
  }

  #present(row: RotationState, offer: OfferedSecret, { offMs }: Node): TokenJudgement {
    const options = { rotateMs: this.#rotateMs, random: (bytes: number) => this.#bytes(bytes) };
    return judgeToken(row, { owner: "ada", id: "id", ...offer }, this.#agenda.nowMs + offMs, options);
  }

  #bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.#random.between(0, 255));
  }
}
