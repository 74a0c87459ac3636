import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { join } from "node:path";
import { Pool } from "pg";
import { SessionsStore } from "../../express-session/sessions-store.ts";

// Loaded before the tests of express-session or @fastify/session, in their folder: their memory store becomes a
// `SessionsStore`. With SESSIONS_PEER_DATABASE it is in that Postgres.

const url = process.env["SESSIONS_PEER_DATABASE"];
const pool = url === undefined ? undefined : new Pool({ connectionString: url, allowExitOnIdle: true });
const fileOf = (path: string) => join(process.cwd(), path);
const require = createRequire(fileOf("package.json"));
type Callback = () => void;

class PeerStore extends SessionsStore {
  constructor() {
    super(pool === undefined ? {} : { database: pool, namespace: randomUUID() });
  }
}

/** The tests of @fastify/session look into the memory store, and some give it its map. */
function fastifyStore(Memory: new (map: Map<string, unknown>) => object) {
  return class FastifyStore extends PeerStore {
    readonly store = new Map<string, unknown>();

    constructor(map?: Map<string, unknown>) {
      super();
      if (map instanceof Map) return new Memory(map) as FastifyStore;
    }

    override set(sid: string, session: object, callback: Callback): void {
      this.store.set(sid, JSON.parse(JSON.stringify(session)));
      super.set(sid, session, callback);
    }

    override destroy(sid: string, callback: Callback): void {
      this.store.delete(sid);
      super.destroy(sid, callback);
    }
  };
}

function replace(file: string, exports: unknown): void {
  require.cache[file] = Object.assign({} as NodeModule, { id: file, filename: file, loaded: true, exports });
}

if (process.env["SESSIONS_PEER"] === "express-session") {
  replace(fileOf("session/memory.js"), PeerStore);
} else {
  const [lib, own] = [fileOf("lib/store.js"), fileOf("test/TestStore.js")];
  const TestStore = fastifyStore(require(own) as never);
  const Store = fastifyStore(require(lib) as never);
  replace(lib, Object.assign(Store, { default: Store, Store, MemoryStore: Store }));
  replace(own, TestStore);
}

// The tests of express-session wait for two seconds at most. A PGlite takes longer to open.
await new Promise<void>((resolve, reject) => {
  new PeerStore().length((error) => (error ? reject(error) : resolve()));
});
