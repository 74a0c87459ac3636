import type { Kysely, Transaction } from "kysely";

/** Runs work in the transaction that `db` is, or else in one of its own. */
export function joinTransaction<Tables, T>(
  db: Kysely<Tables>,
  work: (tx: Transaction<Tables>) => Promise<T>,
): Promise<T> {
  // A transaction of Kysely says that it is one.
  return db.isTransaction ? work(db as Transaction<Tables>) : db.transaction().execute(work);
}
