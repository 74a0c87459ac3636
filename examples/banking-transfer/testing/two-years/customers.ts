import { COMPLETED_AT_MOST, OPEN_AT_MOST } from "../../src/limits.ts";

const DAY_MS = 86_400_000;
/** How many transfers a customer begins in all, on average. */
const TRANSFERS_EACH = 15;

export interface Device {
  readonly id: string;
  readonly name: string;
}

/** A customer who exists in these data alone. */
export interface Customer {
  readonly owner: string;
  readonly phone: Device;
  readonly laptop: Device;
  /** When the customer came to the bank, in milliseconds since 1970. */
  readonly sinceMs: number;
}

/** The customers of these years, who come one after the other. */
export class Customers {
  readonly all: readonly Customer[];
  readonly #random: () => number;
  readonly #inMonth = new Map<string, number>();
  readonly #openUntilMs = new Map<string, number[]>();

  constructor(
    transfers: number,
    { startMs, endMs }: { readonly startMs: number; readonly endMs: number },
    random: () => number,
  ) {
    this.#random = random;
    const count = Math.max(5, Math.ceil(transfers / TRANSFERS_EACH));
    this.all = Array.from({ length: count }, (_, index) => ({
      owner: `customer-${String(index + 1).padStart(4, "0")}`,
      phone: { id: uuidv7(startMs), name: random() < 0.65 ? "Chrome on Android" : "Safari on iOS" },
      laptop: { id: uuidv7(startMs), name: random() < 0.5 ? "Chrome on Windows" : "Firefox on Linux" },
      // A fifth of them were there before.
      sinceMs: startMs + Math.max(0, index / count - 0.2) * (endMs - startMs),
    }));
  }

  /** A customer who may begin a transfer at a moment: below the limits of the bank. Some come often, others seldom. */
  at(atMs: number): Customer | null {
    const known = this.all.findLastIndex(({ sinceMs }) => sinceMs <= atMs) + 1;
    const month = new Date(atMs).toISOString().slice(0, 7);
    for (let tries = 0; tries < 20; tries += 1) {
      const customer = this.all[Math.floor(this.#random() ** 1.6 * known)]!;
      const { owner } = customer;
      const open = (this.#openUntilMs.get(owner) ?? []).filter((untilMs) => untilMs > atMs);
      const begun = this.#inMonth.get(`${owner} ${month}`) ?? 0;
      if (open.length >= OPEN_AT_MOST - 1 || begun >= COMPLETED_AT_MOST / 2) continue;
      this.#inMonth.set(`${owner} ${month}`, begun + 1);
      this.#openUntilMs.set(owner, open);
      return customer;
    }
    return null;
  }

  /** Notes until when a transfer of a customer is open. */
  noteOpen({ owner }: Customer, untilMs: number): void {
    this.#openUntilMs.get(owner)?.push(untilMs);
  }
}

/** When so many transfers begin, in order: the bank grows, people are awake, and they rest on Sundays. */
export function* beginnings(transfers: number, endMs: number, days: number, random: () => number): Generator<number> {
  const startMs = Math.floor((endMs - days * DAY_MS) / DAY_MS) * DAY_MS;
  const weights = Array.from({ length: days + 1 }, (_, day) => {
    const date = new Date(startMs + day * DAY_MS);
    const weekday = [0.35, 1.1, 1, 1, 1.05, 1.2, 0.6][date.getUTCDay()]!;
    return (0.25 + day / days) * weekday * (date.getUTCDate() >= 25 ? 1.4 : 1) * (0.85 + 0.3 * random());
  });
  const all = weights.reduce((sum, weight) => sum + weight, 0);
  let [due, begun] = [0, 0];
  for (const [day, weight] of weights.entries()) {
    due += (weight / all) * transfers;
    const today: number[] = [];
    for (; begun < Math.round(due); begun += 1) {
      const hour = 6 + 8 * (random() + random());
      today.push(startMs + day * DAY_MS + Math.floor(hour * 3_600_000));
    }
    yield* today.toSorted((a, b) => a - b).filter((atMs) => atMs < endMs);
  }
}

/** A UUIDv7 (RFC 9562): 48 bits of time, the version, then random bits. */
export function uuidv7(atMs: number): string {
  const time = Math.floor(atMs).toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${crypto.randomUUID().slice(15)}`;
}

/** A time around its median, in milliseconds: mostly near it, sometimes many times as long. */
export function aboutMs(medianMs: number, random: () => number): number {
  const normal = random() + random() + random() + random() - 2;
  return Math.round(medianMs * Math.exp(normal * 1.6));
}
