import type { DataDefinitions } from "@sessions/core/internal";
import { browserEnvironment, type Environment } from "../environment.ts";
import type { SessionsClient } from "../sessions.ts";
import type { RequestHeaders } from "../sync/http/transport.ts";
import { createDataClient, type DataClient } from "./data-client.ts";
import { createEndStream } from "./end-stream.ts";
import { createHandOffClient, type HandOffClient } from "./hand-off/hand-off-client.ts";
import { createOwnChanges } from "./own-changes.ts";
import { createSignInApi, type ChangeReplies, type SignIn } from "./sign-in-api.ts";
import { createKnownSignIn, initialState, type SignInState } from "./sign-in-state.ts";
import { areOnlySessions, unsentSessions, type UnsentSession } from "./unsent.ts";
import type { Visitor } from "./visitor.ts";

export interface SignInClientOptions<Data extends DataDefinitions = DataDefinitions> {
  /** The tRPC endpoint, such as "/trpc", of a host without a transformer. */
  readonly url: string;
  /** Where `signIns.router` is mounted at `url`. Default "signIns". */
  readonly mount?: string;
  /** The values that are kept for a person: the option `data` of `createSignIns`. Default: none. */
  readonly data?: Data;
  /** Whether the browser sends cookies to a `url` of another origin: the option of `fetch`. Default "include". */
  readonly credentials?: RequestCredentials;
  /** Headers of every request. A function is called for each request. */
  readonly headers?: RequestHeaders | (() => RequestHeaders | Promise<RequestHeaders>);
}

export interface SignOutOptions {
  /** The owner's sessions in this browser. They are forgotten after the sign-out. */
  readonly sessions?: SessionsClient;
  /** Whether to delete changes that were not sent. Default false: then nothing happens, and the result names them. */
  readonly discardUnsent?: boolean;
}

/** `unsent`: nothing happened, because only this device has these changes. */
export type SignOutResult =
  | { readonly status: "signed_out" }
  | { readonly status: "unsent"; readonly unsent: readonly UnsentSession[] };

/**
 * `ended`: so many have. `sign_in_again`: nothing has ended, because the server asks for a newer proof of who the person
 * is. Let them prove it, and call again. `signed_out`: nobody is signed in here any more.
 */
export type RevokeResult =
  | { readonly status: "ended"; readonly count: number }
  | { readonly status: "sign_in_again" }
  | { readonly status: "signed_out" };

/** A list of sessions, as far as it says whether somebody is signed in. */
interface SignedOutList {
  readonly state: { readonly signedOut: boolean };
  subscribe(listener: () => void): () => void;
}

/**
 * Who is signed in in this browser, and where else. Methods that ask the server reject with a `SessionsError`
 * `server_unreachable` if it does not answer: then nothing is known to have happened.
 */
export interface SignInClient<Data extends DataDefinitions = DataDefinitions> {
  /** Another object whenever something has changed, the same one otherwise. */
  readonly state: SignInState;
  /** The state before anything is known. A server renders it. */
  readonly initialState: SignInState;
  /** Calls the listener after every change of `state`. Returns a function that ends the subscription. */
  subscribe(listener: () => void): () => void;
  /** Asks the server again. Call it after a person has signed in or proved who they are: other pages then ask too. Never rejects. */
  refresh(): Promise<SignInState>;
  /**
   * Asks the server again when a list of sessions says that nobody is signed in, or somebody again. Meanwhile the page has
   * no stream but that of its sessions. The returned function ends this.
   */
  follow(list: SignedOutList): () => void;
  /** The values that are kept for the person who is signed in, else for the visitor. */
  readonly data: DataClient<Data>;
  /** Hands sessions over to other devices, and takes them over here. */
  readonly handOff: HandOffClient;
  /** The places in which the owner is signed in, the newest first, by the page. `after` is the `next` of the page before. Empty if nobody is signed in. */
  list(after?: string): Promise<{ readonly signIns: readonly SignIn[]; readonly next: string | null }>;
  /** Ends one of the owner's sign-ins. The count is 0 if there is none of this id any more. */
  revoke(id: string): Promise<RevokeResult>;
  /** Ends all of the owner's sign-ins but this browser's. */
  revokeOthers(): Promise<RevokeResult>;
  /**
   * Signs the person out in this browser. First it looks for changes of `sessions` that the server lacks. Then the server
   * ends the sign-in. Only after that, all local data of the owner is deleted. Other pages of this browser are told.
   */
  signOut(options?: SignOutOptions): Promise<SignOutResult>;
  /**
   * Gives to the owner what a visitor began, if nobody else has it. False if another owner has it; null if nobody is signed
   * in. It may be called again. `createCurrentSessions` calls it.
   */
  adopt(visitor: Visitor): Promise<boolean | null>;
  /** Ends the requests and the listening. */
  close(): void;
}

/**
 * Tells who is signed in, from `signIns.router`. It asks again when the page becomes visible or the browser is online
 * again, and when another page of this browser signs somebody in or out. While the page is visible, a stream tells it at
 * once that the sign-in has ended, unless it follows its sessions.
 *
 * @example
 * const signIn = createSignInClient({ url: "/trpc" });
 * signIn.subscribe(() => render(signIn.state));
 */
export function createSignInClient<const Data extends DataDefinitions = Record<never, never>>(
  options: SignInClientOptions<Data>,
): SignInClient<Data> {
  return assembleSignInClient(options, browserEnvironment);
}

/** {@link createSignInClient} with time from the caller. */
export function assembleSignInClient(
  { url, mount = "signIns", credentials = "include", headers = {}, data: definitions = {} }: SignInClientOptions,
  environment: Environment,
): SignInClient {
  const getHeaders = typeof headers === "function" ? headers : () => headers;
  const api = createSignInApi({ url, mount, credentials, headers: getHeaders, environment });
  const name = `sessions sign-in ${url} ${mount}`;
  const known = createKnownSignIn({ api, environment, name, onVisitor });

  const change = createOwnChanges(api, known, mount);
  const values = createDataClient({ definitions, api, known, change, environment, name: `${name} data` });

  const endStream = createEndStream({ api, known, environment });
  const handOff = createHandOffClient({ api, known, change, environment, name: `${name} hand-off` });

  /** The transaction that signed the person in did not see the visitor's cookie, or it was made meanwhile. */
  function onVisitor(): void {
    // The next answer of the server asks for it again.
    void change("adopt").then(values.followAll, () => {});
  }

  return {
    get state() {
      return known.state;
    },
    initialState,
    subscribe: known.subscribe,
    async refresh() {
      await known.read().catch(() => {});
      known.tellOtherPages();
      return known.state;
    },
    follow(list) {
      let { signedOut } = list.state;
      if (signedOut) known.ask();
      const stop = endStream.leaveToSessions();
      const unsubscribe = list.subscribe(() => {
        if (list.state.signedOut === signedOut) return;
        ({ signedOut } = list.state);
        known.ask();
      });
      return () => {
        unsubscribe();
        stop();
      };
    },
    async list(after) {
      const page = await api.list(after);
      if (page === null) known.ask();
      return page ?? { signIns: [], next: null };
    },
    async revoke(id) {
      const reply = await change("revoke", { input: { id } });
      // It may have been this browser's own.
      known.ask();
      return resultOf(reply);
    },
    async revokeOthers() {
      return resultOf(await change("revokeOthers"));
    },
    async signOut({ sessions, discardUnsent = false } = {}) {
      const unsent = sessions && !discardUnsent ? await unsentSessions(sessions) : [];
      if (unsent.length > 0) return { status: "unsent", unsent };
      // The server may ask the browser to clear all data of the site, but only if nothing is lost by it.
      const loses = sessions === undefined || !(await areOnlySessions(sessions));
      const reply = await change("signOut", loses ? {} : { headers: { "sign-in-unsent": "0" } });
      try {
        await sessions?.forget();
      } finally {
        if (typeof reply === "object") known.signedOut();
        else known.ask();
        known.tellOtherPages();
      }
      return { status: "signed_out" };
    },
    async adopt({ headers: shown }) {
      const reply = await change("adopt", { headers: shown });
      return typeof reply === "object" ? reply.adopted : null;
    },
    data: values,
    handOff,
    close() {
      endStream.close();
      values.close();
      known.close();
    },
  };
}

function resultOf(reply: ChangeReplies["revoke"] | "signed_out"): RevokeResult {
  if (typeof reply === "string") return { status: "signed_out" };
  return reply.refused ? { status: reply.refused } : { status: "ended", count: Number(reply.ended) };
}
