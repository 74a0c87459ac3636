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
import { createDataItems, readable, type DataItem, type DataItemsOptions } from "./data-items.ts";
import type { SendOwnChange } from "./own-changes.ts";

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

/** The values that are kept for the person who is signed in. */
export interface DataClient<Data extends DataDefinitions> {
  /**
   * The value of a key, from the server. Undefined if there is none, or if nobody is signed in.
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
  /** The value of a key to show and to follow. The same object for one key. */
  item<Key extends DataKey<Data>>(key: Key): DataItem<DataValue<Data, Key>>;
}

export interface DataClientOptions extends DataItemsOptions {
  readonly change: SendOwnChange;
  readonly environment: Environment;
}

export function createDataClient(options: DataClientOptions): DataClient<DataDefinitions> & { close(): void } {
  const { known, change: sendChange, environment } = options;
  const items = createDataItems(options);

  async function change(key: string, next: (before: Json | undefined) => Json | undefined): Promise<ChangedData<Json>> {
    const item = items.of(key);
    if (known.state.status === "loading" || known.state.status === "unreachable") await known.read();
    const signIn = items.signInNow();
    let stored = item.stored ?? (await item.read());
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      if (stored === null || signIn === undefined || signIn !== items.signInNow()) return { status: "signed_out" };
      const input = next(structuredClone(stored.value));
      const parsed = input === undefined ? undefined : parseData(key, items.definitionOf(key), input);
      if (parsed?.ok === false) return { status: "refused", ...parsed.refusal };
      const value = parsed?.value;
      if (sameJson(value, stored.value)) return { status: "changed", value };
      const made = { key, base: stored.version, change: environment.id(), ...(value !== undefined && { value }) };
      item.outdate();
      const reply = await send(made);
      if (reply === "signed_out") return { status: "signed_out" };
      if (reply.status === "refused") return reply;
      const { version } = reply;
      stored = reply.status === "changed" ? { version, ...(value !== undefined && { value }) } : reply;
      readable(key, items.definitionOf(key), stored);
      if (signIn === items.signInNow()) item.keep(stored);
      if (reply.status === "changed") {
        items.tellOtherPages(key);
        return { status: "changed", value };
      }
    }
    throw new SessionsError("server_unreachable", "Other pages kept changing the same value. Nothing was changed.");
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
    change,
    item: (key) => items.of(key),
    close: () => items.close(),
  };
}
