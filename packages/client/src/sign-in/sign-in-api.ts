import { SessionsError, type DataRefusal, type Json } from "@sessions/core/internal";
import { sleep, within, type Environment } from "../environment.ts";
import { readAnswer, type Answer } from "../sync/http/answer.ts";
import { EventStream } from "../sync/http/event-stream.ts";
import type { RequestHeaders } from "../sync/http/transport.ts";

/** How long one call may take, in milliseconds. */
const CALL_MS = 10_000;
/** How often a call is sent again after a 503, and how long the client waits before it, in milliseconds. */
const RETRIES = 2;
const RETRY_MS = 100;
const LONGEST_RETRY_MS = 2_000;

/** One browser or app in which an owner is signed in. Times are ISO 8601. */
export interface SignIn {
  /** An id that may be shown: it opens nothing. */
  readonly id: string;
  /** A readable name of the browser or the app. */
  readonly device: string;
  /** A coarse place; null if the application tells none. */
  readonly place: string | null;
  readonly since: string;
  /** It may be late by minutes: a use is not written at once. */
  readonly lastUsed: string;
  /** The last time that the person proved who they are. */
  readonly provedAt: string;
  /** When it ends if nobody uses it again. */
  readonly endsAt: string;
  /** How the person proved who they are, the last time. */
  readonly factors: readonly string[];
  readonly level: "aal1" | "aal2" | "aal3" | null;
  /** Whether it is this browser's own. */
  readonly current: boolean;
  /** The id of the only session of a guest, which the owner handed over; null for a sign-in of the owner's own. */
  readonly guestSession: string | null;
}

/** Why and when the sign-in of this browser ended: by its owner elsewhere (`revoked`), at its deadline (`expired`), … */
export interface EndedSignIn {
  readonly reason: string;
  readonly at: string;
}

export interface CurrentSignIn {
  readonly owner: string | null;
  readonly signIn: SignIn | null;
  readonly guest: { readonly owner: string; readonly session: string; readonly endsAt: string } | null;
  readonly csrf: string | null;
  readonly ended: EndedSignIn | null;
  /** Whether the browser shows the cookie of a visitor. */
  readonly visitor?: boolean;
}

/** The procedures of `signIns.router`. A call rejects with a {@link SessionsError} if the router does not answer it. */
export interface SignInApi {
  current(): Promise<CurrentSignIn>;
  /** Null if nobody is signed in. */
  list(
    after: string | undefined,
  ): Promise<{ readonly signIns: readonly SignIn[]; readonly next: string | null } | null>;
  /** Null if nobody is signed in. */
  data(key: string): Promise<KeptValue | null>;
  /** Opens a stream that ends with the sign-in. Returns a function that closes it: then it calls nothing any more. */
  watch(observer: EndObserver): () => void;
  /** `mismatch`: the value `csrf` is not of the browser's sign-in. */
  change<Name extends ChangeName>(name: Name, change: Change): Promise<ChangeReplies[Name] | "mismatch" | "signed_out">;
}

export interface EndObserver {
  /** The stream is open. */
  readonly onEvent: () => void;
  /** It ended, or broke. `isMissing`: the server has no such stream. */
  readonly onEnd: (isMissing: boolean) => void;
}

/** A value and its version. Without `value` there is none. */
export interface VersionedValue {
  readonly version: number;
  readonly value?: Json;
}

/** A value with those that a visitor brought, and that wait beside it. */
export interface KeptValue extends VersionedValue {
  readonly conflicts?: readonly { readonly id: string; readonly value: Json }[];
}

/** `refused`: nothing has ended, because the server asks for a newer proof of who the person is. */
interface Ended {
  readonly ended: boolean | number;
  readonly refused?: "sign_in_again";
}

/** The answers to changes, by the names of their procedures. */
export interface ChangeReplies {
  readonly revoke: Ended;
  readonly revokeOthers: Ended;
  readonly signOut: Ended;
  readonly adopt: { readonly adopted: boolean };
  readonly "data.set":
    | { readonly status: "changed"; readonly version: number }
    | ({ readonly status: "conflict" } & VersionedValue)
    | ({ readonly status: "refused" } & DataRefusal);
  readonly "handOff.offer": { readonly letters: string; readonly endsAt: string };
  readonly "handOff.find": ({ readonly status: "found" } & HandOffTarget) | { readonly status: "none" | "too_many" };
  readonly "handOff.ask": ({ readonly status: "asked" } & AskedHandOff) | { readonly status: "signed_in" | "too_many" };
  readonly "handOff.look": ({ readonly status: "asked" } & RequestingDevice) | { readonly status: "gone" } | AskedProof;
  readonly "handOff.approve": { readonly status: "approved" | "wrong_number" | "gone" } | AskedProof;
  readonly "handOff.decline": { readonly declined: boolean };
  readonly "handOff.claim":
    | { readonly status: "waiting"; readonly endsAt: string }
    | { readonly status: "gone" }
    | ({ readonly status: "begun"; readonly owner: string } & HandOffTarget);
}

export type ChangeName = keyof ChangeReplies;

/** The session that is handed over, and its step. */
export interface HandOffTarget {
  /** The id of the session. */
  readonly session: string;
  /** The name of its flow. */
  readonly flow: string;
  /** The step at which it was; null if it had none. */
  readonly step: string | null;
}

/** The owner must prove again who they are, within so many milliseconds. */
interface AskedProof {
  readonly status: "sign_in_again";
  readonly freshMs: number;
}

/** A device that asks. `numbers`: among them is the one that its screen shows. Times are ISO 8601. */
export interface RequestingDevice {
  readonly device: string;
  readonly place: string | null;
  readonly askedAt: string;
  readonly endsAt: string;
  readonly numbers: readonly number[];
}

/** A request of this browser to be let in. */
export interface AskedHandOff {
  readonly id: string;
  readonly code: string;
  readonly challenge: string;
  readonly number: number;
  readonly endsAt: string;
}

/** A field that each answer has. */
const fields: Readonly<Record<ChangeName, string>> = {
  revoke: "ended",
  revokeOthers: "ended",
  signOut: "ended",
  adopt: "adopted",
  "data.set": "status",
  "handOff.offer": "letters",
  "handOff.find": "status",
  "handOff.ask": "status",
  "handOff.look": "status",
  "handOff.approve": "status",
  "handOff.decline": "declined",
  "handOff.claim": "status",
};

export interface Change {
  readonly csrf: string;
  readonly input?: object;
  readonly headers?: RequestHeaders;
}

export interface SignInApiOptions {
  readonly url: string;
  readonly mount: string;
  readonly credentials: RequestCredentials;
  readonly headers: () => RequestHeaders | Promise<RequestHeaders>;
  readonly environment: Environment;
}

export function createSignInApi({ url, mount, credentials, headers, environment }: SignInApiOptions): SignInApi {
  async function send(name: string, query: string, { headers: own, ...init }: OwnInit) {
    const all = { ...(await headers()), ...own };
    const address = `${url}/${mount}.${name}${query}`;
    try {
      return await within(CALL_MS, environment, async (signal) =>
        readAnswer(await fetch(address, { ...init, headers: all, credentials, cache: "no-store", signal })),
      );
    } catch (cause) {
      throw new SessionsError("server_unreachable", `${mount}.${name} was not answered.`, { cause });
    }
  }

  /** A cookie that was replaced a moment ago is answered with 503: the next request carries its successor. */
  async function call(
    name: string,
    init: OwnInit = {},
    query = "",
  ): Promise<{ readonly answer: Answer; readonly data: unknown }> {
    for (let tries = 0; ; tries += 1) {
      const { answer, json } = await send(name, query, init);
      if (answer.status === 503 && tries < RETRIES) {
        await sleep(Math.min(LONGEST_RETRY_MS, Math.max(RETRY_MS, answer.retryAfterMs ?? 0)), environment);
        continue;
      }
      if (answer.status >= 500 || answer.status === 429) {
        throw new SessionsError("server_unreachable", `${mount}.${name} was answered with ${answer.status}.`);
      }
      const { result } = (json ?? {}) as { readonly result?: { readonly data?: unknown } };
      return { answer, data: result?.data };
    }
  }

  function unexpected(name: string, { status, isRouters }: Answer): SessionsError {
    const code = status === 404 ? "router_not_found" : "answer_unexpected";
    return new SessionsError(
      code,
      `${mount}.${name} was answered with ${status}${isRouters ? "" : ", and not by the router"}.`,
    );
  }

  return {
    async current() {
      const { answer, data } = await call("current");
      if (!isObject(data) || !("owner" in data)) throw unexpected("current", answer);
      return data as CurrentSignIn;
    },
    async list(after) {
      const input = JSON.stringify(after === undefined ? {} : { after });
      const { answer, data } = await call("list", {}, `?input=${encodeURIComponent(input)}`);
      if (answer.status === 401) return null;
      if (!isObject(data) || !("signIns" in data)) throw unexpected("list", answer);
      return data as { readonly signIns: readonly SignIn[]; readonly next: string | null };
    },
    async data(key) {
      const { answer, data } = await call("data.get", {}, `?input=${encodeURIComponent(JSON.stringify({ key }))}`);
      if (answer.status === 401) return null;
      if (!isObject(data) || !("version" in data)) throw unexpected("data.get", answer);
      return data as KeptValue;
    },
    watch({ onEvent, onEnd }) {
      const stream = new EventStream(`${url}/${mount}.watch`, {
        fetch: async (address, { headers: own, ...init }) =>
          fetch(address, { ...init, headers: { ...(await headers()), ...own }, credentials, cache: "no-store" }),
      });
      stream.addEventListener("message", onEvent);
      // tRPC ends a stream that has failed.
      stream.addEventListener("error", (event) => {
        const { answer } = event as { readonly answer?: Answer };
        onEnd(answer?.status === 404);
      });
      return () => stream.close();
    },
    async change<Name extends ChangeName>(name: Name, { csrf, input = {}, headers: own }: Change) {
      const headers = { ...own, "content-type": "application/json", "sign-in-csrf": csrf };
      const { answer, data } = await call(name, { method: "POST", body: JSON.stringify(input), headers });
      if (answer.status === 401) return "signed_out";
      if (answer.status === 403 && answer.isRouters) return "mismatch";
      if (!isObject(data) || !(fields[name] in data)) throw unexpected(name, answer);
      return data as ChangeReplies[Name];
    },
  };
}

interface OwnInit {
  readonly method?: string;
  readonly body?: string;
  readonly headers?: RequestHeaders;
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;
