import { hash } from "node:crypto";
import type { Kysely } from "kysely";
import { SessionsError } from "@sessions/core/internal";
import { openDatabase } from "../express-session/keeper/open-database.ts";
import { StoreDatabase } from "../express-session/keeper/store-database.ts";
import { WebSessionSweeper } from "../express-session/keeper/sweeper.ts";
import { NEVER_MS } from "../express-session/rows/stored-web-session.ts";
import type { WebSessionTables } from "../express-session/rows/tables.ts";
import type { Database } from "../postgres/database.ts";
import { faultFrom } from "../postgres/errors.ts";
import { repeatSweeps } from "../repeated-sweeps.ts";
import { logFault } from "../report.ts";
import { isListKey, isRevokedKey, listKeyOf, merge, sessionsOf, userOf, type ListedSession } from "./session-list.ts";
import {
  endedKeys,
  endValue,
  incrementValue,
  readValue,
  replaceValue,
  takeValue,
  writeValue,
  type Place,
} from "./values.ts";

/** How long a session that was deleted cannot be written again, in milliseconds. No request takes longer. */
const ENDED_MS = 86_400_000;
/** How often a write is tried that others come before. */
const MAX_ATTEMPTS = 50;

export interface SecondaryStorageOptions {
  /** A `pg` Pool, a PGlite, any Kysely dialect for Postgres, or the URL of a Postgres. */
  readonly database: Database | string;
  /** The Postgres schema that holds the tables. Default `"sessions"`. */
  readonly schema?: string;
  /** Separates applications that share a schema. Default `"better-auth"`. */
  readonly namespace?: string;
  /** Whether the storage creates its tables. Default true. If false, run `sessions migrate --express-session`. */
  readonly migrates?: boolean;
  /** Whether this node deletes expired values. Default true. */
  readonly sweeps?: boolean;
  /** The clock, in milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
  /** Called with every fault that no call gets. Default: it logs the fault to `console.error`. */
  readonly onError?: (error: SessionsError) => void;
}

/** The interface of better-auth. Times are in seconds. */
export interface SecondaryStorage {
  get(key: string): Promise<string | null>;
  getAndDelete(key: string): Promise<string | null>;
  set(key: string, value: string, ttl?: number): Promise<void>;
  increment(key: string, ttl: number): Promise<number>;
  delete(key: string): Promise<void>;
  /** Stops the sweep. A database that was given as a URL is closed. */
  close(): Promise<void>;
}

/**
 * The secondary storage of better-auth, in Postgres. Each call is atomic. Sign-ins at the same time are all in the list of
 * their user. A session that was deleted is not written again by a request that began before.
 *
 * @throws {SessionsError} From each call, if the database fails.
 * @example
 * betterAuth({ database: pool, secondaryStorage: createSecondaryStorage({ database: pool }) });
 */
export function createSecondaryStorage(options: SecondaryStorageOptions): SecondaryStorage {
  const { schema = "sessions", namespace = "better-auth", migrates = true, sweeps = true, now = Date.now } = options;
  const { onError = logFault } = options;
  const database = new StoreDatabase({ open: () => openDatabase(options.database), schema, migrates, prepare: true });
  const placeOf = (key: string): Place => ({ schema, namespace, key: hash("sha256", key) });
  const run = <T>(work: (db: Kysely<WebSessionTables>) => Promise<T>) => database.run(work);
  const endOf = (ttl?: number) => (ttl === undefined || ttl <= 0 ? NEVER_MS : now() + ttl * 1_000);

  /** Reads a value and writes what is made of it, until no other write comes between. */
  async function change(key: string, next: (text: string | undefined) => Promise<string>, ttl?: number): Promise<void> {
    const place = placeOf(key);
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const made = await run(async (db) => {
        const read = await readValue(db, place, now());
        const data = await next(read?.data);
        const expiresMs = Math.max(ttl === undefined ? 0 : endOf(ttl), read?.expiresMs ?? 0);
        return replaceValue(db, place, read, { data, expiresMs }, now());
      });
      if (made) return;
    }
    throw new SessionsError("database_failed", `A value was changed ${MAX_ATTEMPTS} times while it was written.`);
  }

  async function writeList(key: string, written: readonly ListedSession[], ttl?: number): Promise<void> {
    const next = async (text = "[]") => {
      const current = sessionsOf(text);
      const keyOf = ({ token }: ListedSession) => placeOf(token).key;
      const ended = await run((db) => endedKeys(db, placeOf(key), [...current, ...written].map(keyOf)));
      return JSON.stringify(merge(current, written, (one) => one.expiresAt <= now() || ended.has(keyOf(one))));
    };
    await change(key, next, ttl);
  }

  async function set(key: string, value: string, ttl?: number): Promise<void> {
    if (isListKey(key)) return writeList(key, sessionsOf(value), ttl);
    if (isRevokedKey(key)) {
      return change(key, (text) => Promise.resolve(String(Math.max(Number(value) || 0, Number(text) || 0))), ttl);
    }
    await run((db) => writeValue(db, placeOf(key), { data: value, expiresMs: endOf(ttl) }, now()));
  }

  /** Ends a session before it leaves its list: a list that is written meanwhile finds it ended. */
  async function remove(key: string): Promise<void> {
    const read = await run((db) => readValue(db, placeOf(key), now()));
    const user = read && userOf(key, read.data);
    if (user === undefined) {
      if (!isListKey(key)) await run((db) => takeValue(db, placeOf(key), now()));
      // A list is deleted when its reader saw no session in it. Others may have added one.
      else if (read) await writeList(key, []);
      return;
    }
    await run((db) => endValue(db, placeOf(key), now() + ENDED_MS));
    if (await run((db) => readValue(db, placeOf(listKeyOf(user)), now()))) await writeList(listKeyOf(user), []);
  }

  const stop = sweeps
    ? repeatSweeps(new WebSessionSweeper({ database, now }), (error) =>
        onError(faultFrom(error, { where: "A sweep failed." })),
      )
    : () => Promise.resolve();
  return {
    get: async (key) => (await run((db) => readValue(db, placeOf(key), now())))?.data ?? null,
    getAndDelete: async (key) => (await run((db) => takeValue(db, placeOf(key), now()))) ?? null,
    set,
    increment: (key, ttl) => run((db) => incrementValue(db, placeOf(key), endOf(ttl), now())),
    delete: remove,
    close: async () => {
      await stop();
      await database.close();
    },
  };
}
