import {
  parseData,
  sameJson,
  SessionsError,
  type DataDefinition,
  type DataDefinitions,
  type Json,
} from "@sessions/core/internal";
import { isServerRender } from "../environment.ts";
import { createListeners } from "../listeners.ts";
import type { KeptValue, SignInApi } from "./sign-in-api.ts";
import { dataHolderOf, type KnownSignIn } from "./sign-in-state.ts";

/** A value as the page knows it. `signed_out`: nobody is signed in, and the server keeps nothing for visitors. `unreachable`: the server did not answer; `value` is its last answer. */
export interface DataState<Value> {
  readonly status: "loading" | "loaded" | "unreachable" | "signed_out";
  /** Undefined if there is none. */
  readonly value: Value | undefined;
  /** The values that the person had as a visitor, and that wait beside this one until `resolve` decides. Nearly always empty. */
  readonly conflicts: readonly Value[];
}

/**
 * One value that a page shows. While somebody subscribes to it, it is read again when the page becomes visible, and when
 * another page of this browser changes it.
 */
export interface DataItem<Value> {
  /** Another object whenever something has changed, the same one otherwise. */
  readonly state: DataState<Value>;
  subscribe(listener: () => void): () => void;
}

/** A value with the last answer of the server about it. */
export interface KnownItem extends DataItem<Json> {
  /** Undefined if the server has not answered. */
  readonly stored: KeptValue | undefined;
  /** Asks the server. Null if it keeps nothing for whom it is. Rejects if it does not answer. */
  read(): Promise<KeptValue | null>;
  /** Answers to earlier questions say nothing any more. */
  outdate(): void;
  keep(stored: KeptValue): void;
  /** Asks the server, if somebody sees the value. */
  follow(): void;
  /** The values are another person's. */
  reset(): void;
}

export interface DataItemsOptions {
  readonly definitions: DataDefinitions;
  readonly api: SignInApi;
  readonly known: KnownSignIn;
  /** Unique to the server. */
  readonly name: string;
}

/** The values that a page shows, by their keys. */
export interface DataItems {
  /** @throws {SessionsError} `configuration_invalid` for a key that was not defined. */
  of(key: string): KnownItem;
  definitionOf(key: string): DataDefinition;
  /** Whose values they are now, as `dataHolderOf` says. */
  holderNow(): string | undefined;
  /** Asks the server for each value that somebody sees. */
  followAll(): void;
  /** The other pages of this browser read the value again. */
  tellOtherPages(key: string): void;
  close(): void;
}

export const loadingState = { status: "loading", value: undefined, conflicts: [] } as const;

export function createDataItems({ definitions, api, known, name }: DataItemsOptions): DataItems {
  const items = new Map<string, KnownItem>();
  const otherPages =
    isServerRender() || typeof BroadcastChannel === "undefined" ? undefined : new BroadcastChannel(name);
  const holderNow = () => dataHolderOf(known.state);
  let shown = holderNow();

  otherPages?.addEventListener("message", ({ data }) => items.get(String(data))?.follow());
  globalThis.document?.addEventListener("visibilitychange", onVisible);
  const stop = known.subscribe(() => {
    if (shown === holderNow()) return;
    shown = holderNow();
    for (const item of items.values()) item.reset();
  });

  function followAll(): void {
    for (const item of items.values()) item.follow();
  }

  function onVisible(): void {
    if (document.visibilityState === "visible") followAll();
  }

  function definitionOf(key: string): DataDefinition {
    if (Object.hasOwn(definitions, key)) return definitions[key]!;
    throw new SessionsError("configuration_invalid", "The option `data` of `createSignInClient` has no such key.");
  }

  return {
    of(key) {
      const item = items.get(key) ?? createItem(key, definitionOf(key), api);
      items.set(key, item);
      return item;
    },
    definitionOf,
    holderNow,
    followAll,
    tellOtherPages: (key) => otherPages?.postMessage(key),
    close() {
      stop();
      otherPages?.close();
      globalThis.document?.removeEventListener("visibilitychange", onVisible);
    },
  };
}

function createItem(key: string, definition: DataDefinition, api: SignInApi): KnownItem {
  const { subscribe, notify } = createListeners();
  let state: DataState<Json> = loadingState;
  let stored: KeptValue | undefined;
  // The number of the newest question.
  let asked = 0;
  let subscribers = 0;

  function become(next: DataState<Json>): void {
    const isSame = sameJson([...next.conflicts], [...state.conflicts]) && sameJson(next.value, state.value);
    if (isSame && next.status === state.status) return;
    state = next;
    notify();
  }

  function keep(next: KeptValue): void {
    stored = next;
    const conflicts = (next.conflicts ?? []).map(({ value }) => value);
    become({ status: "loaded", value: next.value, conflicts });
  }

  async function read(): Promise<KeptValue | null> {
    const number = (asked += 1);
    try {
      const found = await api.data(key);
      if (found !== null) readable(key, definition, found);
      if (number === asked) {
        if (found !== null) keep(found);
        else become({ ...loadingState, status: "signed_out" });
      }
      return found;
    } catch (error) {
      if (number === asked) become({ ...state, status: "unreachable" });
      throw error;
    }
  }

  function follow(): void {
    // The state says that the server did not answer.
    if (subscribers > 0 && !isServerRender()) read().catch(() => {});
  }

  return {
    get state() {
      return state;
    },
    get stored() {
      return stored;
    },
    subscribe(listener) {
      const end = subscribe(listener);
      subscribers += 1;
      if (subscribers === 1) follow();
      return () => {
        subscribers -= 1;
        end();
      };
    },
    read,
    outdate: () => void (asked += 1),
    keep,
    follow,
    reset() {
      asked += 1;
      stored = undefined;
      // What another person had is not shown for a moment.
      become(loadingState);
      follow();
    },
  };
}

/** @throws {SessionsError} `answer_unexpected` for a value that this version of the page cannot read. */
export function readable(key: string, definition: DataDefinition, { value, conflicts = [] }: KeptValue): void {
  const values = [value, ...conflicts.map((waiting) => waiting.value)];
  if (values.every((one) => one === undefined || parseData(key, definition, one).ok)) return;
  throw new SessionsError(
    "answer_unexpected",
    `The schema of \`data.${key}\` refuses the server's value. Reload the page.`,
  );
}
