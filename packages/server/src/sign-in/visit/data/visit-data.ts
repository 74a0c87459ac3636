import type { DataDefinitions, DataInput, DataKey, DataValue } from "@sessions/core/internal";

/** The values that are kept for the person who is signed in. */
export interface ReadOnlyVisitData<Data extends DataDefinitions> {
  /**
   * The value of a key, from the database. Undefined if there is none, or if nobody is signed in.
   *
   * @throws {VisitError} `unavailable` if the database does not answer.
   * @throws {SessionsError} `migration_failed` if the schema refuses the stored value. The value stays as it is.
   * @example
   * const cart = await visit.data.get("cart");
   */
  get<Key extends DataKey<Data>>(key: Key): Promise<DataValue<Data, Key> | undefined>;
}

/** The values that are kept for the person who is signed in, in a request that may change them. */
export interface VisitData<Data extends DataDefinitions> extends ReadOnlyVisitData<Data> {
  /**
   * Changes the value of a key, and gives the new one. `next` makes it of the value before; undefined removes it. If another
   * request changes the value at the same time, `next` is called again with that value: so it does nothing else.
   *
   * @throws {VisitError} `signed_out`; `method_not_allowed` in a GET request with a cookie; `unavailable`.
   * @throws {SessionsError} `output_invalid` if the schema refuses the new value, or if the value has more than 65,536
   * characters as JSON; `migration_failed` as for `get`.
   * @example
   * await visit.data.change("cart", (cart = { items: [] }) => ({ items: [...cart.items, item] }));
   */
  change<Key extends DataKey<Data>>(
    key: Key,
    next: (before: DataValue<Data, Key> | undefined) => DataInput<Data, Key> | undefined,
  ): Promise<DataValue<Data, Key> | undefined>;
}
