import type { SessionsStoreOptions } from "../../express-session/options.ts";
import { SessionsStore, type StoredSession } from "../../express-session/sessions-store.ts";

/** A store whose calls return promises. */
export function promised(store: SessionsStore) {
  return {
    get: (sid: string) => call<StoredSession | undefined>((callback) => store.get(sid, callback)),
    set: (sid: string, session: object) => call<void>((callback) => store.set(sid, session, callback)),
    touch: (sid: string, session: object) => call<void>((callback) => store.touch(sid, session, callback)),
    destroy: (sid: string) => call<void>((callback) => store.destroy(sid, callback)),
    all: () => call<Record<string, StoredSession>>((callback) => store.all(callback)),
    length: () => call<number>((callback) => store.length(callback)),
    clear: () => call<void>((callback) => store.clear(callback)),
  };
}

function call<Result>(start: (callback: (error: Error | null, result?: Result) => void) => void): Promise<Result> {
  return new Promise((resolve, reject) => {
    // A call that gives nothing has `void` as its result.
    start((error, result) => (error ? reject(error) : resolve(result as Result)));
  });
}

/** A session whose cookie ends at this time, in milliseconds since 1970. */
export function sessionUntil(expiresMs: number, data: object = {}): StoredSession {
  return { cookie: { originalMaxAge: 60_000, expires: new Date(expiresMs).toISOString(), path: "/" }, ...data };
}

/** Nodes of one store. They do not sweep by themselves. */
export function openNodes<Count extends 1 | 2>(count: Count, options: SessionsStoreOptions) {
  const all = Array.from({ length: count }, () => {
    const store = new SessionsStore({ sweeps: false, ...options });
    return Object.assign(promised(store), { store, close: () => store.close() });
  });
  // TypeScript knows no tuple of `Count` nodes: so the first two are named.
  return all as unknown as { readonly [Index in keyof { 0: 1; 1: 2 }]: (typeof all)[number] } & typeof all;
}
