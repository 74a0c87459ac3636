import type { EndedNotice, LiveSignIn, SignInKeeper } from "../keeper/sign-in-keeper.ts";

/** How soon a deadline is looked at again when the database did not answer, in milliseconds. */
const RETRY_MS = 2_000;
/** The longest time of a Node timer, in milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;

interface Listening {
  readonly signIn: LiveSignIn;
  readonly listener: () => void;
  timer?: NodeJS.Timeout;
}

/** Calls listeners, such as open streams, when the sign-in that opened them ends: by somebody, or by its deadline. */
export class EndListeners {
  readonly #keeper: SignInKeeper;
  readonly #now: () => number;
  readonly #listening = new Map<string, Set<Listening>>();
  readonly #stop: () => void;

  constructor(keeper: SignInKeeper, now: () => number) {
    this.#keeper = keeper;
    this.#now = now;
    this.#stop = keeper.onEnded((ended) => this.#hear(ended));
  }

  /**
   * Calls the listener once, when the sign-in has ended. `checkedMs` is the time at which its token was checked: it may
   * have ended since. Gives a function that removes the listener.
   */
  onEnd(signIn: LiveSignIn, checkedMs: number, listener: () => void): () => void {
    const listening: Listening = { signIn, listener };
    const key = keyOf(signIn);
    this.#listening.set(key, (this.#listening.get(key) ?? new Set()).add(listening));
    const hasEnded = this.#keeper.knowsEnd({ publicId: signIn.publicId, sealedMs: checkedMs });
    this.#wait(listening, hasEnded ? 0 : signIn.endsMs);
    return () => this.#remove(listening);
  }

  /** Calls no listener any more. */
  close(): void {
    this.#stop();
    for (const listening of this.#all()) this.#remove(listening);
  }

  #hear(ended: EndedNotice): void {
    const heard = ended === "everybody" ? this.#all() : [...(this.#listening.get(keyOf(ended)) ?? [])];
    for (const listening of heard) this.#end(listening);
  }

  #all(): readonly Listening[] {
    return [...this.#listening.values()].flatMap((all) => [...all]);
  }

  #end(listening: Listening): void {
    this.#remove(listening);
    listening.listener();
  }

  #remove(listening: Listening): void {
    clearTimeout(listening.timer);
    const key = keyOf(listening.signIn);
    const all = this.#listening.get(key);
    all?.delete(listening);
    if (all?.size === 0) this.#listening.delete(key);
  }

  #wait(listening: Listening, endsMs: number): void {
    const ms = Math.min(Math.max(endsMs - this.#now(), 0), MAX_TIMER_MS);
    listening.timer = setTimeout(() => void this.#look(listening), ms).unref();
  }

  /** Ends a stream whose deadline has passed, unless another node has moved the deadline: it may have seen a use. */
  async #look(listening: Listening): Promise<void> {
    const endsMs = await this.#deadline(listening.signIn);
    if (!this.#listening.get(keyOf(listening.signIn))?.has(listening)) return;
    if (endsMs > this.#now()) this.#wait(listening, endsMs);
    else this.#end(listening);
  }

  /** 0 for a sign-in that is not there any more. */
  async #deadline({ owner, publicId }: LiveSignIn): Promise<number> {
    try {
      for (let after: string | null | undefined; after !== null;) {
        const page = await this.#keeper.list(owner, after === undefined ? {} : { after });
        const found = page.rows.find((row) => row.publicId === publicId);
        if (found) return found.endsMs;
        after = page.next;
      }
      return 0;
    } catch {
      return this.#now() + RETRY_MS;
    }
  }
}

/** A public id has no space. */
const keyOf = ({ owner, publicId }: { readonly owner: string; readonly publicId: string }) => `${publicId} ${owner}`;
