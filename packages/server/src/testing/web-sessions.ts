import { promisify } from "node:util";
import type { SessionsStore, StoredSession } from "../express-session/sessions-store.ts";

/** A store whose calls return promises. */
export function promised(store: SessionsStore) {
  return {
    get: promisify<string, StoredSession | undefined>(store.get.bind(store)),
    set: promisify<string, object>(store.set.bind(store)),
    touch: promisify<string, object>(store.touch.bind(store)),
    destroy: promisify<string>(store.destroy.bind(store)),
    all: promisify<Record<string, StoredSession>>(store.all.bind(store) as Calls<Record<string, StoredSession>>),
    length: promisify<number>(store.length.bind(store) as Calls<number>),
    clear: promisify(store.clear.bind(store)),
  };
}

/** A call that gives a result, without an error. */
type Calls<Result> = (callback: (error: unknown, result: Result) => void) => void;

/** A session whose cookie ends at this time, in milliseconds since 1970. */
export function sessionUntil(expiresMs: number, data: object = {}): StoredSession {
  return { cookie: { originalMaxAge: 60_000, expires: new Date(expiresMs).toISOString(), path: "/" }, ...data };
}
