import type { Random } from "../../../server/src/testing/random.ts";
import { HANG_MS, type OfferedSecret } from "../../../server/src/sign-in/token/rotation.ts";
import type { Agenda } from "./agenda.ts";
import { BrokenPromiseError, type SignInNodes } from "./sign-in-nodes.ts";

/** How late a browser writes its cookies to the disk. */
export const UNWRITTEN_MS = 30_000;

/** How long a browser waits that was told to ask again. */
const RETRY_MS = 5_000;

export interface Network {
  /** How many of 100 replies are lost. */
  readonly lost: number;
  /** How many of 100 requests, and of 100 replies, hang. */
  readonly hung: number;
}

/** An honest browser: it sends the cookie that it has, and keeps the last one that it was given. */
export class HonestBrowser {
  /** Called when the browser has another cookie. */
  onChange: () => void = () => {};
  #cookies: { readonly atMs: number; readonly offer: OfferedSecret }[];
  readonly #agenda: Agenda;
  readonly #random: Random;
  readonly #nodes: SignInNodes;
  readonly #network: Network;
  /** Requests of a browser that has died get no reply. */
  #life = 0;

  constructor(agenda: Agenda, random: Random, nodes: SignInNodes, network: Network) {
    this.#agenda = agenda;
    this.#random = random;
    this.#nodes = nodes;
    this.#network = network;
    this.#cookies = [{ atMs: agenda.nowMs, offer: nodes.first }];
  }

  get cookie(): OfferedSecret {
    return this.#cookies.at(-1)!.offer;
  }

  send(onAnswer?: () => void): void {
    const { cookie } = this;
    const life = this.#life;
    this.#agenda.after(this.#delayMs(), () => {
      this.#nodes.check(cookie, ({ kind, offer }) => {
        if (kind === "nobody" && this.#nodes.endedMs === undefined) {
          throw new BrokenPromiseError("S16: a right token is nobody's");
        }
        if (this.#random.between(1, 100) <= this.#network.lost) return;
        this.#agenda.after(this.#delayMs(), () => {
          if (life !== this.#life) return;
          if (offer) this.#keep(offer);
          if (kind === "superseded") this.#agenda.after(RETRY_MS, () => this.send(onAnswer));
          else onAnswer?.();
        });
      });
    });
  }

  /** The browser dies. Its cookies are again those of a moment that is at most half a minute ago. */
  crash(): void {
    const { nowMs } = this.#agenda;
    const writtenMs = nowMs - this.#random.between(0, UNWRITTEN_MS);
    const written = this.#cookies.findLast(({ atMs }) => atMs <= writtenMs) ?? this.#cookies[0]!;
    this.#cookies = [{ atMs: nowMs, offer: written.offer }];
    this.#life += 1;
  }

  #keep(offer: OfferedSecret): void {
    this.#cookies.push({ atMs: this.#agenda.nowMs, offer });
    this.onChange();
  }

  #delayMs(): number {
    const { hung } = this.#network;
    if (this.#random.between(1, 100) > hung) return this.#random.between(10, 500);
    return this.#random.between(1, 2) === 1
      ? this.#random.between(500, HANG_MS)
      : HANG_MS - this.#random.between(0, 1_000);
  }
}
