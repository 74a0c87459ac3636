import { loadDatum, writeDatum, type DataPlace, type StoredDatum } from "../rows/data.ts";
import { holdLive } from "../rows/live.ts";
import type { KeeperContext } from "./context.ts";
import type { DataChange, DataChangeResult } from "./sign-in-keeper.ts";
import { transactWithRetries } from "./transaction.ts";

export function readData({ db, schema }: KeeperContext, place: DataPlace): Promise<StoredDatum> {
  return loadDatum(db.withSchema(schema), place);
}

/**
 * Writes a value if nothing has changed it since its version `base`. A change whose first attempt was made, and whose
 * answer was lost, is made once.
 */
export function changeData(context: KeeperContext, place: DataPlace, change: DataChange): Promise<DataChangeResult> {
  return transactWithRetries(context, async (tx) => {
    // A sign-in that ends deletes its values. So it must not end between this and the commit.
    if (place.signIn !== null && !(await holdLive(tx, place.owner, place.signIn))) return { kind: "signed_out" };
    if (await writeDatum(tx, place, { ...change, atMs: context.now() })) {
      return { kind: "changed", version: change.base + 1 };
    }
    const stored = await loadDatum(tx, place);
    if (stored.change === change.change) return { kind: "changed", version: stored.version };
    return { kind: "conflict", stored };
  });
}
