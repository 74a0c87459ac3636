import { PGliteDialect, type Dialect, type PGliteDialectConfig } from "kysely";

/** A PGlite, as far as Kysely uses it. */
export type PGlite = Exclude<PGliteDialectConfig["pglite"], undefined | (() => unknown)>;

/** Kysely's dialect over a PGlite. */
export function pgliteDialect(pglite: PGlite): Dialect {
  return new PGliteDialect({ pglite: withTransactionsThatBegin(pglite) });
}

/**
 * Kysely's driver waits for a transaction to begin, and for nothing else. If none begins, because the PGlite is closed, it
 * would wait for ever, and leave a rejection that ends the process. So each transaction begins here, and its statements
 * fail.
 */
function withTransactionsThatBegin(pglite: PGlite): PGlite {
  return {
    get closed() {
      return pglite.closed;
    },
    get ready() {
      return pglite.ready;
    },
    get waitReady() {
      return pglite.waitReady;
    },
    query: (...args) => pglite.query(...args),
    close: () => pglite.close(),
    transaction: async (work) => {
      let hasBegun = false;
      try {
        return await pglite.transaction((tx) => {
          hasBegun = true;
          return work(tx);
        });
      } catch (error) {
        const fail = () => Promise.reject(error);
        if (!hasBegun) await work({ query: fail, rollback: fail });
        throw error;
      }
    },
  };
}
