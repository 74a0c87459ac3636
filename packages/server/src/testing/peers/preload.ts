import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Pool } from "pg";
import type { SessionsStoreOptions } from "../../express-session/options.ts";
import { SessionsStore } from "../../express-session/sessions-store.ts";
import { blockingPostgres } from "./blocking-postgres.ts";

// Loaded before the tests of express-session or @fastify/session, in their folder: their memory store becomes a
// `SessionsStore`. With SESSIONS_PEER_DATABASE it is in that Postgres.

const url = process.env["SESSIONS_PEER_DATABASE"];
const blocks = process.env["SESSIONS_PEER_BLOCKS"] !== undefined;
const database =
  url === undefined
    ? undefined
    : blocks
      ? blockingPostgres(url)
      : new Pool({ connectionString: url, allowExitOnIdle: true });
const fileOf = (path: string) => join(process.cwd(), path);
const require = createRequire(fileOf("package.json"));
type Callback = () => void;

/** Enough for all tests. */
const STORES = 200;

class PeerStore extends SessionsStore {
  constructor() {
    const options: SessionsStoreOptions = database === undefined ? {} : { database, namespace: randomUUID() };
    super({ ...options, sweeps: !blocks });
  }
}

const opened = <Store extends SessionsStore>(store: Store) =>
  new Promise<Store>((resolve, reject) => {
    store.length((error) => (error ? reject(error) : resolve(store)));
  });

/** The tests of @fastify/session look into the memory store, and some give it its map. */
async function fastifyStore(Memory: new (map: Map<string, unknown>) => object) {
  class FastifyStore extends PeerStore {
    readonly store = new Map<string, unknown>();

    override set(sid: string, session: object, callback: Callback): void {
      this.store.set(sid, JSON.parse(JSON.stringify(session)));
      super.set(sid, session, callback);
    }

    override destroy(sid: string, callback: Callback): void {
      this.store.delete(sid);
      super.destroy(sid, callback);
    }
  }

  // A store looks for its tables at its first call, and does not answer that one before it returns.
  const stores: FastifyStore[] = [];
  for (let made = 0; blocks && made < STORES; made += 1) stores.push(await opened(new FastifyStore()));

  function Store(map?: unknown) {
    return map instanceof Map ? new Memory(map) : (stores.pop() ?? new FastifyStore());
  }
  Store.prototype = FastifyStore.prototype;
  return Store;
}

function replace(file: string, exports: unknown): void {
  require.cache[file] = Object.assign({} as NodeModule, { id: file, filename: file, loaded: true, exports });
}

if (process.env["SESSIONS_PEER"] === "express-session") {
  replace(fileOf("session/memory.js"), PeerStore);
} else {
  const [lib, own] = [fileOf("lib/store.js"), fileOf("test/TestStore.js")];
  const TestStore = await fastifyStore(require(own) as never);
  const Store = await fastifyStore(require(lib) as never);
  replace(lib, Object.assign(Store, { default: Store, Store, MemoryStore: Store }));
  replace(own, TestStore);
}

// The tests of express-session wait for two seconds at most. A PGlite takes longer to open.
await opened(new PeerStore());
