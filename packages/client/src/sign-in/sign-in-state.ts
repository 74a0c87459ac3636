import type { Environment } from "../environment.ts";
import { isServerRender } from "../environment.ts";
import { createListeners } from "../listeners.ts";
import type { CurrentSignIn, EndedSignIn, SignIn, SignInApi } from "./sign-in-api.ts";
import { inheritVisitorsDevices } from "./visitor-devices.ts";

/** How long to wait before a server that did not answer is asked again, in milliseconds. */
const RETRY_MS = 3_000;

/**
 * Who is signed in in this browser. `loading`: the server was asked. `unreachable`: it has not answered since the page was
 * opened. Once it has answered, the last answer stays until the next one. `ended` tells why a sign-in ended that this
 * browser still has the cookie of; null if there is none. `guest`: nobody is signed in, and an owner has handed one session
 * over to this browser.
 */
export type SignInState =
  | { readonly status: "loading" }
  | { readonly status: "unreachable" }
  | { readonly status: "signed_out"; readonly ended: EndedSignIn | null }
  | { readonly status: "guest"; readonly owner: string; readonly session: string; readonly endsAt: string }
  | { readonly status: "signed_in"; readonly owner: string; readonly signIn: SignIn };

export const initialState: SignInState = { status: "loading" };

function stateOf({ owner, signIn, guest, ended }: CurrentSignIn): SignInState {
  if (owner !== null && signIn) return { status: "signed_in", owner, signIn };
  // An earlier server names no guest.
  return guest ? { status: "guest", ...guest } : { status: "signed_out", ended };
}

/** The owner and the id of the sign-in; undefined unless somebody is signed in. */
export function personOf(state: SignInState): { readonly owner: string; readonly signIn: string } | undefined {
  return state.status === "signed_in" ? { owner: state.owner, signIn: state.signIn.id } : undefined;
}

/** Whose values `data` has, while nobody is signed in: those of the visitor of this browser's cookie. */
export const VISITOR = "visitor";

/** Whose values `data` has: the id of the sign-in, or {@link VISITOR}. Undefined if that is not known, and for a guest. */
export function dataHolderOf(state: SignInState): string | undefined {
  return state.status === "signed_out" ? VISITOR : personOf(state)?.signIn;
}

/** What the server said last about this browser's sign-in. All pages of the browser ask again when one of them changes it. */
export interface KnownSignIn {
  readonly state: SignInState;
  /** The value that changes send back; null if nobody is signed in, or nothing is known yet. */
  readonly csrf: string | null;
  subscribe(listener: () => void): () => void;
  /** Asks the server. Rejects if it does not answer. */
  read(): Promise<void>;
  /** Asks the server, again and again until it answers. */
  ask(): void;
  /** This page has signed the person out. */
  signedOut(): void;
  /** The other pages of this browser ask too. */
  tellOtherPages(): void;
  close(): void;
}

export interface KnownSignInOptions {
  readonly api: SignInApi;
  readonly environment: Environment;
  /** Unique to the server. */
  readonly name: string;
  /** Called when the browser shows a visitor's cookie and a sign-in: their owner has not adopted the visitor. */
  readonly onVisitor: () => void;
}

export function createKnownSignIn({ api, environment, name, onVisitor }: KnownSignInOptions): KnownSignIn {
  const { subscribe, notify } = createListeners();
  let state = initialState;
  let csrf: string | null = null;
  let closed = isServerRender();
  // The number of the newest question. The answer to an older one says nothing any more.
  let asked = 0;
  let newest = Promise.resolve();
  let cancelRetry = () => {};
  const otherPages = closed || typeof BroadcastChannel === "undefined" ? undefined : new BroadcastChannel(name);
  if (!closed) {
    otherPages?.addEventListener("message", ask);
    document.addEventListener("visibilitychange", onVisible);
    addEventListener("online", ask);
    ask();
  }

  function become(next: SignInState): void {
    if (JSON.stringify(next) === JSON.stringify(state)) return;
    state = next;
    // Before any listener opens the owner's sessions.
    if (next.status === "signed_in") inheritVisitorsDevices(next.owner);
    notify();
  }

  function read(): Promise<void> {
    newest = readOnce();
    return newest;
  }

  async function readOnce(): Promise<void> {
    const number = (asked += 1);
    cancelRetry();
    try {
      const current = await api.current();
      if (closed) return undefined;
      if (number !== asked) return await newest;
      ({ csrf } = current);
      become(stateOf(current));
      if (current.visitor === true && state.status === "signed_in") onVisitor();
      return undefined;
    } catch (error) {
      if (number !== asked && !closed) return newest;
      if (!closed) {
        if (state.status === "loading") become({ status: "unreachable" });
        cancelRetry = environment.after(RETRY_MS, ask);
      }
      throw error;
    }
  }

  function ask(): void {
    // It asks again by itself.
    if (!closed) read().catch(() => {});
  }

  function onVisible(): void {
    if (document.visibilityState === "visible") ask();
  }

  return {
    get state() {
      return state;
    },
    get csrf() {
      return csrf;
    },
    subscribe,
    read,
    ask,
    signedOut() {
      asked += 1;
      newest = Promise.resolve();
      csrf = null;
      become({ status: "signed_out", ended: null });
    },
    tellOtherPages: () => otherPages?.postMessage("changed"),
    close() {
      closed = true;
      cancelRetry();
      otherPages?.close();
      globalThis.document?.removeEventListener("visibilitychange", onVisible);
      globalThis.removeEventListener?.("online", ask);
    },
  };
}
