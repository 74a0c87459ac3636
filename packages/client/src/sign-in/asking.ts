import type { Environment } from "../environment.ts";
import { createListeners } from "../listeners.ts";
import { createAskingKey, type AskingKey } from "./asking-key.ts";
import type { AskedHandOff, HandedPlace, SignInApi } from "./sign-in-api.ts";
import type { KnownSignIn } from "./sign-in-state.ts";

/** How often the page asks whether it was let in, in milliseconds. */
const CLAIM_MS = 500;
/** How long it waits for a server that did not answer, in milliseconds. */
const RETRY_MS = 3_000;
/** How long a code is shown before the next one takes its place, in milliseconds. It can be approved a little longer. */
const SHOWN_MS = 45_000;
/** How long it is asked for, in milliseconds: an approval at the last moment can be claimed for a minute. */
const LIFE_MS = 120_000;
/** After this time without an answer the page stops to ask, in milliseconds. */
const PATIENCE_MS = 600_000;

/**
 * `asking`: show `code` for a camera, and `number`. `guest`: this browser was let in, at this place. `paused`: nobody came;
 * `again()` goes on. `signed_in`: somebody is signed in here, and types letters instead. `too_many`: too many devices ask
 * just now. `unsupported`: the page has no WebCrypto, because it is not at HTTPS or localhost.
 */
export type AskingState =
  | { readonly status: "loading" | "unreachable" | "paused" | "signed_in" | "too_many" | "unsupported" }
  | { readonly status: "asking"; readonly code: string; readonly number: number }
  | ({ readonly status: "guest"; readonly owner: string } & HandedPlace);

/** A screen that asks to be let in as a guest. */
export interface Asking {
  /** Another object whenever something has changed, the same one otherwise. */
  readonly state: AskingState;
  subscribe(listener: () => void): () => void;
  /** Asks anew after `paused` or `too_many`. */
  again(): void;
  /** Stops to ask. A code that was shown is worth nothing any more. */
  close(): void;
}

export interface AskingOptions {
  readonly api: SignInApi;
  readonly known: KnownSignIn;
  readonly environment: Environment;
}

export function startAsking({ api, known, environment }: AskingOptions): Asking {
  const { subscribe, notify } = createListeners();
  let state: AskingState = { status: "loading" };
  let key: AskingKey | null = null;
  // The newest last. A code that was shown a moment ago may be in the owner's hand.
  let requests: (AskedHandOff & { readonly untilMs: number })[] = [];
  let shownMs = 0;
  let beganMs = environment.elapsed();
  let cancelNext = () => {};
  let isOver = false;

  function become(next: AskingState): void {
    if (JSON.stringify(next) === JSON.stringify(state)) return;
    state = next;
    notify();
  }

  /** A refused claim or question ends nothing of another sign-in, so a new value for changes is simply asked for. */
  async function send<Name extends "handOff.ask" | "handOff.claim">(name: Name, input: object) {
    for (let tries = 0; tries < 2; tries += 1) {
      const reply = await api.change(name, { csrf: known.csrf ?? "", input });
      if (typeof reply !== "string") return reply;
      await known.read();
    }
    return null;
  }

  async function askOnce(): Promise<void> {
    key ??= await createAskingKey();
    if (key === null) return become({ status: "unsupported" });
    const reply = await send("handOff.ask", { publicKey: key.publicKey });
    if (isOver || reply === null) return undefined;
    if (reply.status !== "asked") return become({ status: reply.status });
    const nowMs = environment.elapsed();
    requests = [...requests.slice(-1), { ...reply, untilMs: nowMs + LIFE_MS }];
    shownMs = nowMs;
    return become({ status: "asking", code: reply.code, number: reply.number });
  }

  /** Whether the page is done. */
  async function claim(): Promise<boolean> {
    const nowMs = environment.elapsed();
    for (const request of requests) {
      const reply = await send("handOff.claim", { id: request.id, signature: await key!.sign(request.challenge) });
      if (isOver) return true;
      if (reply?.status === "begun") {
        const { owner, session, flow, step } = reply;
        become({ status: "guest", owner, session, flow, step });
        await known.read().catch(() => {});
        known.tellOtherPages();
        return true;
      }
      if (reply?.status === "gone" || nowMs > request.untilMs) {
        requests = requests.filter((one) => one !== request);
        // A person has declined, or picked another number: another code comes at once.
        if (request === requests.at(-1) || requests.length === 0) shownMs = 0;
      }
    }
    return false;
  }

  async function step(): Promise<void> {
    if (isOver) return;
    try {
      if (state.status === "asking" && (await claim())) return;
      const nowMs = environment.elapsed();
      if (nowMs - beganMs > PATIENCE_MS) return become({ status: "paused" });
      const isDue = state.status !== "asking" || requests.length === 0 || nowMs - shownMs >= SHOWN_MS;
      if (isDue) await askOnce();
      if (state.status !== "asking") return;
    } catch {
      if (isOver) return;
      if (state.status !== "asking") become({ status: "unreachable" });
    }
    cancelNext = environment.after(state.status === "unreachable" ? RETRY_MS : CLAIM_MS, () => void step());
  }

  void step();
  return {
    get state() {
      return state;
    },
    subscribe,
    again() {
      cancelNext();
      beganMs = environment.elapsed();
      requests = [];
      state = { status: "loading" };
      notify();
      void step();
    },
    close() {
      isOver = true;
      cancelNext();
    },
  };
}
