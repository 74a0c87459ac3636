import {
  parseData,
  sameJson,
  SessionsError,
  type DataDefinitions,
  type DataInput,
  type DataKey,
  type DataRefusal,
  type DataValue,
  type Json,
} from "@sessions/core/internal";
import { sleep, type Environment } from "../environment.ts";
import { createDataItems, readable, type DataItem, type DataItems, type DataItemsOptions } from "./data-items.ts";
import type { SendOwnChange } from "./own-changes.ts";
import type { KeptValue } from "./sign-in-api.ts";
import { VISITOR } from "./sign-in-state.ts";

/** How often a change begins again because another page's came first. Each time somebody's change was made. */
const MAX_ATTEMPTS = 20;
/** How often one change is sent if no answer comes, and how long the client waits before it, in milliseconds. */
const MAX_SENDS = 3;
const RETRY_MS = 500;

/** What became of a change. */
export type ChangedData<Value> =
  | { readonly status: "changed"; readonly value: Value | undefined }
  /** The schema refuses the new value. Nothing was changed. */
  | ({ readonly status: "refused" } & DataRefusal)
  | { readonly status: "signed_out" };

/** The values that are kept for the person who is signed in, else for the visitor of this browser's cookie. */
export interface DataClient<Data extends DataDefinitions> {
  /**
   * The value of a key, from the server. Undefined if there is none, or if the server keeps nothing for visitors.
   *
   * @throws {SessionsError} `server_unreachable`
   */
  get<Key extends DataKey<Data>>(key: Key): Promise<DataValue<Data, Key> | undefined>;
  /**
   * Changes the value of a key. `next` makes the new value of the one before; undefined removes it. If another page changes
   * the value at the same time, `next` is called again with that value: so it does nothing else. A change is not queued.
   *
   * @throws {SessionsError} `server_unreachable`: it is not known whether the value was changed.
   * @example
   * await signIn.data.change("cart", (cart = { items: [] }) => ({ items: [...cart.items, item] }));
   */
  change<Key extends DataKey<Data>>(
    key: Key,
    next: (before: DataValue<Data, Key> | undefined) => DataInput<Data, Key> | undefined,
  ): Promise<ChangedData<DataValue<Data, Key>>>;
  /**
   * The values of a key that the person had as a visitor, where they had another one already: the oldest first, at most ten.
   *
   * @throws {SessionsError} `server_unreachable`
   */
  conflicts<Key extends DataKey<Data>>(key: Key): Promise<readonly DataValue<Data, Key>[]>;
  /**
   * Decides about these values. `next` makes the new value of the person's own and the others, which are deleted with the
   * change. If there are none, `next` is not called.
   *
   * @throws {SessionsError} `server_unreachable`: it is not known whether it was decided.
   * @example
   * await signIn.data.resolve("theme", (own) => own); // the other values go
   */
  resolve<Key extends DataKey<Data>>(
    key: Key,
    next: (
      own: DataValue<Data, Key> | undefined,
      others: readonly DataValue<Data, Key>[],
    ) => DataInput<Data, Key> | undefined,
  ): Promise<ChangedData<DataValue<Data, Key>>>;
  /** The value of a key to show and to follow. The same object for one key. */
  item<Key extends DataKey<Data>>(key: Key): DataItem<DataValue<Data, Key>>;
}

export interface DataClientOptions extends DataItemsOptions {
  readonly change: SendOwnChange;
  readonly environment: Environment;
}

/** What to make of a value: a new one, and the waiting values that it decides about. Null changes nothing. */
type Make = (stored: KeptValue) => { readonly input: unknown; readonly resolves: readonly string[] } | null;

export function createDataClient(
  options: DataClientOptions,
): DataClient<DataDefinitions> & Pick<DataItems, "followAll" | "close"> {
  const { known, change: sendChange, environment, name } = options;
  const items = createDataItems(options);

  async function change(key: string, make: Make): Promise<ChangedData<Json>> {
    const item = items.of(key);
    if (known.state.status === "loading" || known.state.status === "unreachable") await known.read();
    const holder = items.holderNow();
    let stored = item.stored ?? (await item.read());
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      if (stored === null || holder === undefined || holder !== items.holderNow()) return { status: "signed_out" };
      const made = make(stored);
      if (made === null) return { status: "changed", value: stored.value };
      const { input, resolves } = made;
      const parsed = input === undefined ? undefined : parseData(key, items.definitionOf(key), input);
      if (parsed?.ok === false) return { status: "refused", ...parsed.refusal };
      const value = parsed?.value;
      const isDecided = resolves.length > 0;
      if (sameJson(value, stored.value) && !isDecided) return { status: "changed", value };
      item.outdate();
      const reply = await inTurn(holder, {
        key,
        base: stored.version,
        change: environment.id(),
        ...(value !== undefined && { value }),
        ...(isDecided && { resolves }),
      });
      if (reply === "signed_out") return { status: "signed_out" };
      if (reply.status === "refused") return reply;
      const { version } = reply;
      const conflicts = stored.conflicts?.filter(({ id }) => !isDecided || !resolves.includes(id)) ?? [];
      stored =
        reply.status === "changed"
          ? { version, ...(value !== undefined && { value }), conflicts }
          : { ...reply, conflicts: stored.conflicts ?? [] };
      readable(key, items.definitionOf(key), stored);
      if (holder === items.holderNow()) item.keep(stored);
      if (reply.status === "changed") {
        items.tellOtherPages(key);
        return { status: "changed", value };
      }
    }
    throw new SessionsError("server_unreachable", "Other pages kept changing the same value. Nothing was changed.");
  }

  /** The first change of a stranger makes the visitor. Two at once would make two, and the browser keeps one cookie. */
  function inTurn(holder: string, input: object): ReturnType<typeof send> {
    const { locks } = globalThis.navigator ?? {};
    return holder === VISITOR && locks ? locks.request(name, () => send(input)) : send(input);
  }

  /** The server makes a change once, however often it comes. */
  async function send(input: object) {
    for (let sends = 1; ; sends += 1) {
      try {
        return await sendChange("data.set", { input });
      } catch (error) {
        const isLost = error instanceof SessionsError && error.code === "server_unreachable";
        if (!isLost || sends === MAX_SENDS) throw error;
        await sleep(RETRY_MS, environment);
      }
    }
  }

  return {
    get: async (key) => (await items.of(key).read())?.value,
    change: (key, next) => change(key, ({ value }) => ({ input: next(structuredClone(value)), resolves: [] })),
    conflicts: async (key) => valuesOf((await items.of(key).read())?.conflicts),
    async resolve(key, next) {
      // The page may not have asked since the sign-in.
      await items.of(key).read();
      return change(key, ({ value, conflicts = [] }) =>
        conflicts.length === 0
          ? null
          : {
              input: next(structuredClone(value), structuredClone(valuesOf(conflicts))),
              resolves: conflicts.map(({ id }) => id),
            },
      );
    },
    item: (key) => items.of(key),
    followAll: () => items.followAll(),
    close: () => items.close(),
  };
}

const valuesOf = (conflicts: KeptValue["conflicts"] = []) => conflicts.map(({ value }) => value);
