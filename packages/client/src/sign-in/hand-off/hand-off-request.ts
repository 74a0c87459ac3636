import type { Environment } from "../../environment.ts";
import { createListeners } from "../../listeners.ts";
import { createRequestKey, signClaim } from "./request-key.ts";
import type { KeptRequest, KeptRequests } from "./kept-requests.ts";
import { createLiveRequests } from "./live-requests.ts";
import type { HandOffTarget, SignInApi } from "../sign-in-api.ts";
import type { KnownSignIn } from "../sign-in-state.ts";

/** How often the page asks whether it was let in, in milliseconds. */
const CLAIM_MS = 500;
/** How long it waits for a server that did not answer, in milliseconds. */
const RETRY_MS = 3_000;
/** After this time without an answer the page stops to ask, in milliseconds. */
const PATIENCE_MS = 600_000;

/**
 * `asking`: show `code` for a camera, and `number`. `guest`: this browser was let in, at this step of the session. `paused`: nobody came;
 * `again()` goes on. `signed_in`: somebody is signed in here, and types letters instead. `too_many`: too many devices ask
 * just now. `unsupported`: the page has no WebCrypto, because it is not at HTTPS or localhost.
 */
export type HandOffRequestState =
  | { readonly status: "loading" | "unreachable" | "paused" | "signed_in" | "too_many" | "unsupported" }
  | { readonly status: "asking"; readonly code: string; readonly number: number }
  | ({ readonly status: "guest"; readonly owner: string } & HandOffTarget);

/** A screen that asks to be let in as a guest. */
export interface HandOffRequest {
  /** Another object whenever something has changed, the same one otherwise. */
  readonly state: HandOffRequestState;
  subscribe(listener: () => void): () => void;
  /** Asks anew after `paused` or `too_many`. */
  again(): void;
  /** Stops to ask. A code that was shown is worth nothing any more. A page that is reloaded goes on with its code. */
  close(): void;
}

export interface HandOffRequestOptions {
  readonly api: Pick<SignInApi, "change">;
  readonly known: Pick<KnownSignIn, "csrf" | "read" | "tellOtherPages">;
  readonly environment: Environment;
  readonly kept: KeptRequests;
}

export function startHandOffRequest({ api, known, environment, kept }: HandOffRequestOptions): HandOffRequest {
  const { subscribe, notify } = createListeners();
  let state: HandOffRequestState = { status: "loading" };
  const requests = createLiveRequests(kept, environment);
  let hasTakenOver = false;
  let beganMs = environment.elapsed();
  let cancelNext = () => {};
  let isOver = false;

  function become(next: HandOffRequestState): void {
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

  function show({ code, number }: KeptRequest): void {
    become({ status: "asking", code, number });
  }

  async function takeOver(): Promise<void> {
    hasTakenOver = true;
    await requests.takeOver();
    const newest = requests.shown();
    if (newest && !isOver) show(newest);
  }

  async function askOnce(): Promise<void> {
    const key = await createRequestKey();
    if (key === null) return become({ status: "unsupported" });
    const { publicKey, privateKey } = key;
    const reply = await send("handOff.ask", { publicKey });
    if (isOver || reply === null) return undefined;
    if (reply.status !== "asked") return become({ status: reply.status });
    const { status: _, ...asked } = reply;
    const request = { ...asked, privateKey, askedAtMs: environment.now() };
    // It is on the disk before a person can scan it.
    await requests.add(request);
    return isOver ? requests.remove(request.id) : show(request);
  }

  /** Whether the page is done. */
  async function claim(): Promise<boolean> {
    for (const request of requests.all()) {
      const signature = await signClaim(request.privateKey, request.challenge);
      const reply = await send("handOff.claim", { id: request.id, signature });
      if (isOver) return true;
      if (reply?.status === "begun") {
        const { owner, session, flow, step } = reply;
        become({ status: "guest", owner, session, flow, step });
        await Promise.all(requests.all().map(({ id }) => requests.remove(id)));
        await known.read().catch(() => {});
        known.tellOtherPages();
        return true;
      }
      // If it was the newest, another code comes at once.
      if (reply?.status === "gone" || requests.isExpired(request)) await requests.remove(request.id);
    }
    return false;
  }

  async function step(): Promise<void> {
    if (isOver) return;
    try {
      if (!hasTakenOver) await takeOver();
      if (await claim()) return;
      if (environment.elapsed() - beganMs > PATIENCE_MS) return become({ status: "paused" });
      if (state.status !== "asking" || requests.shown() === undefined) await askOnce();
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
      state = { status: "loading" };
      notify();
      void step();
    },
    close() {
      isOver = true;
      cancelNext();
      requests.close();
    },
  };
}
