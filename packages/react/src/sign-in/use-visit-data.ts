import type { DataDefinitions, DataInput, DataKey, DataValue } from "@sessions/core/internal";
import type { ChangedData, DataClient, DataState, SignInClient } from "@sessions/client/sign-in";
import { useCallback, useMemo, useSyncExternalStore } from "react";

/** A value that is kept for a person, with a function that changes it. */
export type UseVisitDataResult<Value, Input> = DataState<Value> & {
  /**
   * Makes a new value of the one before, as `signIn.data.change` does.
   *
   * @throws {SessionsError} `server_unreachable`
   */
  change(next: (before: Value | undefined) => Input | undefined): Promise<ChangedData<Value>>;
  /**
   * Decides about `conflicts`, as `signIn.data.resolve` does.
   *
   * @throws {SessionsError} `server_unreachable`
   */
  resolve(next: (own: Value | undefined, others: readonly Value[]) => Input | undefined): Promise<ChangedData<Value>>;
};

const loading = { status: "loading", value: undefined, conflicts: [] } as const;

/**
 * A value that is kept for the person who is signed in, else for the visitor, and follows them. `change` and `resolve` stay
 * the same from render to render.
 *
 * @example
 * const { value: theme = "light", change } = useVisitData(signIn, "theme");
 * return <button onClick={() => change(() => "dark")}>{theme}</button>;
 */
export function useVisitData<Data extends DataDefinitions, Key extends DataKey<Data>>(
  client: SignInClient<Data>,
  key: Key,
): UseVisitDataResult<DataValue<Data, Key>, DataInput<Data, Key>> {
  const { data } = client;
  const item = data.item(key);
  const state = useSyncExternalStore(
    useCallback((listener: () => void) => item.subscribe(listener), [item]),
    () => item.state,
    () => loading,
  );
  const change = useCallback((next: Parameters<DataClient<Data>["change"]>[1]) => data.change(key, next), [data, key]);
  const resolve = useCallback(
    (next: Parameters<DataClient<Data>["resolve"]>[1]) => data.resolve(key, next),
    [data, key],
  );
  return useMemo(() => ({ ...state, change, resolve }), [state, change, resolve]) as UseVisitDataResult<
    DataValue<Data, Key>,
    DataInput<Data, Key>
  >;
}
