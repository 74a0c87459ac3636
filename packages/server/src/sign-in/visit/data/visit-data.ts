import type { DataDefinitions, DataInput, DataKey, DataValue } from "@sessions/core/internal";

/** The values that are kept for the person who is signed in, else for the visitor. */
export interface ReadOnlyVisitData<Data extends DataDefinitions> {
  /**
   * The value of a key, from the database. Undefined if there is none, or if nobody is signed in and there is no visitor.
   *
   * @throws {VisitError} `unavailable` if the database does not answer.
   * @throws {SessionsError} `migration_failed` if the schema refuses the stored value. The value stays as it is.
   * @example
   * const cart = await visit.data.get("cart");
   */
  get<Key extends DataKey<Data>>(key: Key): Promise<DataValue<Data, Key> | undefined>;
  /**
   * The values of a key that the person had as a visitor, where they had another one already: the oldest first, at most ten.
   * They wait until {@link VisitData.resolve} decides.
   *
   * @throws {VisitError} `unavailable`
   * @throws {SessionsError} `migration_failed`, as for `get`.
   */
  conflicts<Key extends DataKey<Data>>(key: Key): Promise<readonly DataValue<Data, Key>[]>;
}

/** The values that are kept for a person, in a request that may change them. */
export interface VisitData<Data extends DataDefinitions> extends ReadOnlyVisitData<Data> {
  /**
   * Changes the value of a key, and gives the new one. `next` makes it of the value before; undefined removes it. If another
   * request changes the value at the same time, `next` is called again with that value: so it does nothing else. The first
   * value of a stranger makes a visitor, and the answer sets the visitor's cookie.
   *
   * @throws {VisitError} `signed_out` if there can be no visitor, or the visitor has signed in elsewhere;
   * `method_not_allowed` in a GET request with a cookie; `unavailable`.
   * @throws {SessionsError} `output_invalid` if the schema refuses the new value, or if the value has more than 65,536
   * characters as JSON; `migration_failed` as for `get`; `configuration_invalid` if a stranger's cookie cannot be set,
   * because the answer's headers have left.
   * @example
   * await visit.data.change("cart", (cart = { items: [] }) => ({ items: [...cart.items, item] }));
   */
  change<Key extends DataKey<Data>>(
    key: Key,
    next: (before: DataValue<Data, Key> | undefined) => DataInput<Data, Key> | undefined,
  ): Promise<DataValue<Data, Key> | undefined>;
  /**
   * Decides about the values of {@link ReadOnlyVisitData.conflicts}, and gives the new value. `next` makes it of the
   * person's own value and the others, which are deleted with the change. If there are none, `next` is not called.
   *
   * @throws As `change`.
   * @example
   * await visit.data.resolve("theme", (own) => own); // the other values go
   * await visit.data.resolve("cart", (own = { items: [] }, others) => ({
   *   items: [own, ...others].flatMap(({ items }) => items),
   * }));
   */
  resolve<Key extends DataKey<Data>>(
    key: Key,
    next: (
      own: DataValue<Data, Key> | undefined,
      others: readonly DataValue<Data, Key>[],
    ) => DataInput<Data, Key> | undefined,
  ): Promise<DataValue<Data, Key> | undefined>;
}
