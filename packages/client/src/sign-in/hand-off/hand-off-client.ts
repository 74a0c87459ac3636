import type { Environment } from "../../environment.ts";
import { startHandOffRequest, type HandOffRequest } from "./hand-off-request.ts";
import { openKeptRequests } from "./kept-requests.ts";
import type { SendOwnChange } from "../own-changes.ts";
import type { RequestingDevice, HandOffTarget, SignInApi } from "../sign-in-api.ts";
import type { KnownSignIn } from "../sign-in-state.ts";

/** How long what was typed here may take to reach the server before a code is shown, in milliseconds. */
const SAVE_MS = 3_000;

/** An open session, as `sessions.open` and `sessions.start` give it. */
export interface HandedSession {
  readonly id: string;
  readonly state: {
    readonly flow: string;
    readonly progress: { readonly current: string | null };
    readonly sync: { readonly pending: number };
  };
  subscribe(listener: () => void): () => void;
}

/** `saved`: whether the server has all that was typed in the session on this device. If not, say so beside the code. */
export type OfferResult =
  | { readonly status: "offered"; readonly letters: string; readonly endsAt: string; readonly saved: boolean }
  | { readonly status: "signed_out" };

/**
 * `none`: the letters are wrong, too old, or another person's. `too_many`: so many wrong letters were typed today, by this
 * person or from this address, that letters work again tomorrow.
 */
export type FindResult =
  | ({ readonly status: "found" } & HandOffTarget)
  | { readonly status: "none" | "too_many" | "signed_out" };

/** `gone`: the code is unknown, used, declined or too old. `sign_in_again`: let the person prove who they are, and ask again. */
export type LookResult =
  | ({ readonly status: "asked" } & RequestingDevice)
  | { readonly status: "gone" | "signed_out" }
  | { readonly status: "sign_in_again"; readonly freshMs: number };

export type ApproveResult =
  | { readonly status: "approved"; readonly saved: boolean }
  | { readonly status: "wrong_number" | "gone" | "signed_out" }
  | { readonly status: "sign_in_again"; readonly freshMs: number };

/** Hand-offs of sessions between devices. Methods reject with `server_unreachable` if the server does not answer. */
export interface HandOffClient {
  /** Letters that the same person types on another device, to go on with this session there. */
  offer(session: HandedSession): Promise<OfferResult>;
  /** The step that letters lead to. */
  find(letters: string): Promise<FindResult>;
  /** What asks by this code, so that the person can compare it with the screen that they see. */
  look(code: string): Promise<LookResult>;
  /** Lets the asking device in as a guest of this session, if `number` is the one on its screen. Another one ends the request. */
  approve(code: string, number: number, session: HandedSession): Promise<ApproveResult>;
  /** Ends the request. False if there is none any more. */
  decline(code: string): Promise<boolean>;
  /** Asks to be let in, on a browser in which nobody is signed in. Close it when its screen disappears. */
  ask(): HandOffRequest;
}

export interface HandOffClientOptions {
  readonly api: SignInApi;
  readonly known: KnownSignIn;
  readonly change: SendOwnChange;
  readonly environment: Environment;
  /** Unique to the server. */
  readonly name: string;
}

export function createHandOffClient({ api, known, change, environment, name }: HandOffClientOptions): HandOffClient {
  return {
    async offer(session) {
      const saved = await untilSaved(session, environment);
      const reply = await change("handOff.offer", { input: targetOf(session) });
      return reply === "signed_out" ? { status: reply } : { status: "offered", ...reply, saved };
    },
    async find(letters) {
      const reply = await change("handOff.find", { input: { letters } });
      return reply === "signed_out" ? { status: reply } : reply;
    },
    async look(code) {
      const reply = await change("handOff.look", { input: { code } });
      return reply === "signed_out" ? { status: reply } : reply;
    },
    async approve(code, number, session) {
      const saved = await untilSaved(session, environment);
      const reply = await change("handOff.approve", { input: { ...targetOf(session), code, number } });
      if (reply === "signed_out") return { status: reply };
      return reply.status === "approved" ? { status: "approved", saved } : (reply as ApproveResult);
    },
    async decline(code) {
      const reply = await change("handOff.decline", { input: { code } });
      return reply !== "signed_out" && reply.declined;
    },
    ask: () => startHandOffRequest({ api, known, environment, kept: openKeptRequests(name, environment) }),
  };
}

function targetOf({ id, state }: HandedSession): HandOffTarget {
  return { session: id, flow: state.flow, step: state.progress.current };
}

/** Waits a moment until the server has all that was typed here. False if it has not by then. */
function untilSaved(session: HandedSession, environment: Environment): Promise<boolean> {
  const isSaved = () => session.state.sync.pending === 0;
  if (isSaved()) return Promise.resolve(true);
  return new Promise((resolve) => {
    const settle = (saved: boolean) => {
      cancel();
      stop();
      resolve(saved);
    };
    const cancel = environment.after(SAVE_MS, () => settle(false));
    const stop = session.subscribe(() => isSaved() && settle(true));
  });
}
