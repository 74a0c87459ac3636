import { hash } from "node:crypto";
import { EventEmitter } from "node:events";
import type { SessionsError } from "@sessions/core/internal";
import { createExpressSession } from "./adapters/express-session.ts";
import { KnownSessions } from "./adapters/known-sessions.ts";
import { faultFrom } from "../postgres/errors.ts";
import { repeatSweeps, type SweepOptions } from "../repeated-sweeps.ts";
import { Adoption } from "./keeper/table-adoption.ts";
import { cookieOf, deadlineOf } from "./keeper/deadline.ts";
import { memoryDatabase, openDatabase } from "./keeper/open-database.ts";
import { SessionKeeper, type Base } from "./keeper/session-keeper.ts";
import { areCookiesEqual, partsOf, type SessionParts } from "./keeper/session-parts.ts";
import { StoreDatabase } from "./keeper/store-database.ts";
import { run, settled, type Steps } from "./keeper/resumable-work.ts";
import { WebSessionSweeper } from "./keeper/sweeper.ts";
import { checkedOptions, type CheckedOptions, type SessionsStoreOptions } from "./options.ts";
import type { WebSessionKey } from "./rows/read-statement.ts";
import type { StoredWebSession } from "./rows/stored-web-session.ts";

/** The data of a session, with its cookie. */
export interface StoredSession {
  cookie?: unknown;
  [key: string]: unknown;
}

type Callback<T extends unknown[] = []> = (error: Error | null, ...result: T) => unknown;

/** The beginning of the keys of `all`. */
const KEY_PREFIX = "sha256:";
const KEY = /^sha256:[0-9a-f]{64}$/;
const MAX_ALL_BYTES = 64 * 1024 * 1024;

/**
 * Keeps the sessions of express-session and of @fastify/session in Postgres.
 *
 * Requests of one session at the same time do not lose each other's changes: a write merges by top-level key. A session
 * that was destroyed does not come back. The database holds no ids of sessions, but their SHA-256.
 *
 * @throws {SessionsError} `configuration_invalid` for an option that cannot work. Callbacks get `database_unreachable`, with
 * `status` 503, and the other faults of the database.
 * @example
 * app.use(session({ store: new SessionsStore({ database: pool }), secret, resave: false, saveUninitialized: false }));
 */
export class SessionsStore extends EventEmitter {
  readonly #options: CheckedOptions;
  readonly #database: StoreDatabase;
  readonly #keeper: SessionKeeper;
  readonly #sweeper: WebSessionSweeper;
  readonly #adoption: Adoption | undefined;
  readonly #known = new KnownSessions();
  readonly #stopSweeping: () => Promise<unknown>;
  readonly #report: (error: unknown) => void;
  /** Set by express-session: gives a request a new session. */
  generate?: (request: object) => void;

  constructor(options: SessionsStoreOptions = {}) {
    super();
    const checked = checkedOptions(options);
    const { database, schema, migrates, prepare, namespace, touchEveryMs, allAtMost, now, onError } = checked;
    this.#options = checked;
    this.#database =
      database === undefined
        ? memoryDatabase()
        : new StoreDatabase({ open: () => openDatabase(database), schema, migrates, prepare });
    const report = (error: unknown) => onError(faultOf(error));
    this.#report = report;
    const { adopt } = checked;
    const adoption = adopt && new Adoption({ database: this.#database, namespace, now, adopt });
    this.#adoption = adoption;
    this.#keeper = new SessionKeeper({
      database: this.#database,
      adoption,
      namespace,
      touchEveryMs,
      allAtMost: { sessions: allAtMost, bytes: MAX_ALL_BYTES },
      now,
      report,
    });
    const sweeper = new WebSessionSweeper({ database: this.#database, now });
    this.#sweeper = sweeper;
    const stops = checked.sweeps
      ? [sweeper, ...(adoption ? [adoption] : [])].map((one) => repeatSweeps(one, report))
      : [];
    const copying = new AbortController();
    const copied = checked.sweeps ? adoption?.sweep({ signal: copying.signal }).catch(report) : undefined;
    this.#stopSweeping = async () => {
      copying.abort();
      await Promise.all([copied, ...stops.map((stop) => stop())]);
    };
  }

  /** Gives a live session, and undefined for any other. */
  get<Session = StoredSession>(sid: string, callback: Callback<[session?: Session]>): void {
    this.#answer<Session | undefined>(callback, () => this.#read<Session>(keyOf(sid)));
  }

  /**
   * Writes a session. If the session was read or written before, its changes since then are written, by top-level key. If
   * it has ended since then, nothing is written.
   */
  set(sid: string, session: object, callback?: Callback): void {
    this.#answer(callback, () => {
      const key = keyOf(sid);
      const text = JSON.stringify(session);
      return this.#keeper.inTurn(key, () => this.#write(key, session, text));
    });
  }

  /** Moves the deadline of a live session to the end of this session's cookie. Nothing but the cookie is written. */
  touch(sid: string, session: object, callback?: Callback): void {
    this.#answer(callback, () => {
      const key = keyOf(sid);
      const cookie = JSON.parse(JSON.stringify(cookieOf(session) ?? {})) as object;
      return this.#keeper.inTurn(key, () => this.#touch(key, session, cookie));
    });
  }

  /** Ends a session. It also takes a key of `all`. */
  destroy(sid: string, callback?: Callback): void {
    this.#answer(callback, () => {
      const key = keyOf(sid, true);
      return this.#keeper.inTurn(key, () => this.#keeper.destroy(key, !isKey(sid)));
    });
  }

  /** Gives all live sessions by key. A key is `sha256:` and a hash: the store does not know the ids. */
  all<Session = StoredSession>(callback: Callback<[sessions?: { [key: string]: Session }]>): void {
    const all = async () => {
      const found = await this.#keeper.all();
      return Object.fromEntries(
        found.map((stored) => [`${KEY_PREFIX}${stored.key}`, this.#sessionOf(stored) as Session]),
      );
    };
    this.#answer(callback, () => settled(all()));
  }

  /** Gives the number of live sessions. A number above 10,000 may be a minute old. */
  length(callback: Callback<[length?: number]>): void {
    this.#answer(callback, () => settled(this.#keeper.count()));
  }

  /** Ends all sessions of the store's namespace. */
  clear(callback?: Callback): void {
    this.#answer(callback, () => settled(this.#keeper.clear()));
  }

  /** Gives a live session as express-session's `Session`, without a request. */
  load<Session>(sid: string, callback: Callback<[session?: Session]>): void {
    this.get(sid, (error, session) => {
      if (error || !session) return callback(error);
      callback(null, this.createSession<Session>({ sessionID: sid, sessionStore: this }, session));
    });
  }

  /** Ends the session of a request of express-session, and gives the request a new one. */
  regenerate(request: object, callback: (error?: unknown) => unknown): void {
    this.destroy((request as { readonly sessionID: string }).sessionID, (error) => {
      this.generate?.(request);
      callback(error);
    });
  }

  /** Called by express-session: makes the session of a request from one that was read. */
  createSession<Created>(request: object, session: object): Created {
    const created = createExpressSession(this, request, session);
    this.#known.move(session, created);
    return created as Created;
  }

  /** Deletes expired sessions now. Gives how many: none while another node does it. */
  sweep(options?: SweepOptions): Promise<number> {
    return this.#sweeper.sweep(options);
  }

  /**
   * Copies the sessions of the table of `adopt` that were not copied yet. Gives how many. A store that sweeps also does
   * this by itself, on one node at a time. It may be stopped, and called again.
   */
  adopt(options?: SweepOptions): Promise<number> {
    return this.#adoption?.copy(options) ?? Promise.resolve(0);
  }

  /** Writes what waits, and stops. A database that was given as a URL is closed. */
  async close(): Promise<void> {
    await this.#stopSweeping();
    await this.#keeper.close();
    if (this.#options.database !== undefined) await this.#database.close();
  }

  /**
   * Does the work, and tells its result. If nothing has to wait, it does so before the call returns, as the memory store of
   * @fastify/session does.
   */
  #answer<T>(callback: ((error: Error | null, result?: T) => unknown) | undefined, work: () => Steps<T>): void {
    // An error of the callback is the caller's, and not one of a promise.
    const fail = (error: unknown) => (callback ? void setImmediate(callback, faultOf(error)) : this.#report(error));
    let result: T | Promise<T>;
    try {
      result = run(work());
    } catch (error) {
      return fail(error);
    }
    if (!(result instanceof Promise)) return void callback?.(null, result);
    result.then((value) => callback && setImmediate(callback, null, value), fail);
  }

  *#read<Session>(key: WebSessionKey): Steps<Session | undefined> {
    const stored = yield* this.#keeper.read(key);
    // The caller says what its sessions are.
    return stored && (this.#sessionOf(stored) as Session);
  }

  /** `text` is the JSON of the session as it was when the write was asked for. */
  *#write(key: WebSessionKey, session: object, text: string): Steps<void> {
    const { ttlMs, now } = this.#options;
    const json: unknown = JSON.parse(text);
    const parts = partsOf(json);
    const expiresMs = deadlineOf(json, ttlMs, now());
    const base = this.#known.baseOf(session, key.key);
    const written = yield* base && parts
      ? this.#keeper.replace(key, base, parts, expiresMs)
      : this.#keeper.put(key, parts, text, expiresMs);
    if (written) this.#known.markWritten(session, written);
  }

  *#touch(key: WebSessionKey, session: object, cookie: object): Steps<void> {
    const { ttlMs, now } = this.#options;
    const expiresMs = deadlineOf({ cookie }, ttlMs, now());
    const base = this.#known.baseOf(session, key.key);
    // Most requests change nothing, and then the session need not be compared.
    if (base === undefined || (base.cookie && areCookiesEqual(base.cookie, cookie))) {
      return yield* this.#keeper.touch(key, base, expiresMs);
    }
    const written = yield* this.#keeper.replace(key, base, withCookie(base, cookie), expiresMs);
    if (written) this.#known.markWritten(session, { ...base, ...written, cookie: undefined });
  }

  /** The session of a row, as a request gets it. */
  #sessionOf(stored: StoredWebSession): StoredSession {
    const session = JSON.parse(stored.data) as StoredSession;
    const cookie = cookieOf(session);
    if (typeof session !== "object" || session === null || Array.isArray(session)) return session;
    const { key, data, version, expiresMs } = stored;
    let parts: SessionParts | undefined;
    const base: Base = {
      key,
      version,
      expiresMs,
      cookie: cookie && { ...cookie },
      // Only a write needs them.
      get parts() {
        return (parts ??= partsOf(JSON.parse(data))!);
      },
    };
    if (cookie?.expires) Object.assign(cookie, { expires: new Date(this.#keeper.deadlineOf(stored)).toISOString() });
    this.#known.markRead(session, base);
    return session;
  }
}

/** The parts of a base with another cookie. */
function withCookie({ parts }: Base, cookie: unknown) {
  return parts.has("cookie") ? new Map([...parts, ["cookie", JSON.stringify(cookie)]]) : parts;
}

function isKey(sid: unknown): boolean {
  return typeof sid === "string" && KEY.test(sid);
}

/** A key of `all` opens no session, but ends one. */
function keyOf(sid: unknown, takesKeys = false): WebSessionKey {
  const text = String(sid);
  return { key: takesKeys && isKey(text) ? text.slice(KEY_PREFIX.length) : hash("sha256", text), sid: text };
}

/** Express and Fastify answer with the status of an error. */
function faultOf(error: unknown): SessionsError {
  const fault = faultFrom(error, { where: "A session was not kept." });
  return fault.code === "database_unreachable" ? Object.assign(fault, { status: 503, statusCode: 503 }) : fault;
}
