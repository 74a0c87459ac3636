import type { Kysely } from "kysely";
import type pg from "pg";
import { SessionsError } from "@sessions/core/internal";
import type { Bus } from "../bus/bus.ts";
import type { ErasureTables } from "../erasure/tables.ts";
import { findCluster } from "../postgres/citus/cluster.ts";
import { createKysely, type DatabaseKind } from "../postgres/database.ts";
import { databaseFault } from "../postgres/errors.ts";
import { Partitions } from "../postgres/partitions.ts";
import { partitionedTables, type Tables } from "../flows/rows/tables.ts";
import { createSessions, type Sessions } from "../flows/sessions.ts";
import type { CipherOf } from "../flows/rows/row.ts";
import type { KeyProvider } from "../secrets/key-provider.ts";
import type { SignInKeeper } from "../sign-in/keeper/sign-in-keeper.ts";
import { partitionedSignInTables, type SignInTables } from "../sign-in/rows/tables.ts";
import { createOperatorKeeper } from "../sign-in/keeper/operator-keeper.ts";
import { hasSignInTables, hasTable, hasSignInTablesOnly, openBus } from "./operator-sign-ins.ts";

/** How long connecting may take, in milliseconds. */
const CONNECT_MS = 10_000;

export interface ConnectionOptions {
  readonly databaseUrl: string | undefined;
  readonly schema: string;
  readonly keys?: KeyProvider | undefined;
  /** Called with each fault that does not end the command. */
  readonly onError?: (error: SessionsError) => void;
}

/** The database that a command works on. */
export interface Connection {
  readonly schema: string;
  /** `"citus"` on the coordinator of a cluster that has workers or distributed tables. */
  readonly kind: DatabaseKind;
  readonly pool: pg.Pool;
  readonly sessions: Sessions;
  readonly db: Kysely<Tables>;
  /** The cipher of an owner. Undefined without keys: then `sessions.check()` has found nothing sealed. */
  readonly cipherOf: CipherOf | undefined;
  /** The keys that were given. */
  readonly keys: KeyProvider | undefined;
  readonly partitions: Partitions;
  readonly signIns: SignInKeeper;
  readonly signInDb: Kysely<SignInTables>;
  readonly signInPartitions: Partitions;
  /** Whether the schema has a table of this name. */
  hasTable(name: string): Promise<boolean>;
  /** Whether the schema has tables of sign-ins. An application may have none. */
  hasSignIns(): Promise<boolean>;
  /** Whether the schema has tables of sign-ins and none of sessions: the application uses sign-ins alone. */
  hasSignInsOnly(): Promise<boolean>;
  /** The same sign-ins, of whose ends the nodes hear at once. */
  announcedSignIns(): Promise<SignInKeeper>;
  /** For erasures, which name the schema themselves. */
  readonly eraseDb: Kysely<ErasureTables>;
  /** A bus to the nodes. It is opened once. */
  openBus(): Promise<Bus>;
  end(): Promise<void>;
}

/** @throws {SessionsError} `configuration_invalid`, with a sentence for the person who gave the options. */
export async function connect(options: ConnectionOptions): Promise<Connection> {
  const { databaseUrl: url, schema, keys, onError = () => {} } = options;
  if (!url) throw new SessionsError("configuration_invalid", "Set DATABASE_URL, or give --database-url.");
  const { default: pg } = await import("pg").catch(() => {
    throw new SessionsError("configuration_invalid", "Install the package pg beside @sessions/server.");
  });
  checkUrl(url, () => new pg.Client({ connectionString: url }));
  const pool = new pg.Pool({ connectionString: url, max: 2, connectionTimeoutMillis: CONNECT_MS });
  pool.on("error", () => {});
  const kind = await kindOf(pool);
  const sessions = createSessions({
    database: pool,
    databaseKind: kind,
    schema,
    flows: [],
    identify: () => undefined,
    sweeps: false,
    // The command line seals nothing of owners who have no keys.
    ...(keys && { keys, encrypt: "read" }),
    onError,
  });
  const db = createKysely<Tables>(pool);
  const signIns = createOperatorKeeper({ database: pool, databaseKind: kind, schema, report: onError });
  const closes = [() => sessions.close(), () => signIns.close()];
  let opened: Promise<Bus> | undefined;
  const openOnce = async () => {
    const { bus, close } = await openBus(() => new pg.Client({ connectionString: url }));
    closes.push(close);
    return bus;
  };
  return {
    schema,
    kind,
    pool,
    sessions,
    hasTable: (name) => hasTable(db, schema, name),
    keys,
    cipherOf: keys && ((owner, generation) => sessions.opener.cipherOf(owner, generation)),
    db: db.withSchema(schema),
    partitions: new Partitions(db, schema, partitionedTables, kind),
    signIns,
    signInDb: createKysely<SignInTables>(pool).withSchema(schema),
    signInPartitions: new Partitions(db, schema, partitionedSignInTables, kind),
    hasSignIns: () => hasSignInTables(db, schema),
    hasSignInsOnly: () => hasSignInTablesOnly(db, schema),
    eraseDb: createKysely<ErasureTables>(pool),
    openBus: () => (opened ??= openOnce()),
    announcedSignIns: async () => {
      const { bus, close } = await openBus(() => new pg.Client({ connectionString: url }));
      const announced = createOperatorKeeper({ database: pool, databaseKind: kind, schema, bus, report: onError });
      closes.push(() => announced.close(), close);
      return announced;
    },
    end: async () => {
      for (const close of closes) await close();
      await pool.end();
    },
  };
}

/** Asks the database itself, so that no command needs an option. The pool ends if it does not answer. */
async function kindOf(pool: pg.Pool): Promise<DatabaseKind> {
  try {
    const cluster = await findCluster(createKysely<Tables>(pool));
    return cluster !== undefined && cluster.workers + cluster.tables > 0 ? "citus" : "postgres";
  } catch (error) {
    await pool.end();
    throw databaseFault(error) ?? error;
  }
}

/** Checks that the driver can read a URL. The driver's own error is not shown, because it holds the whole URL. */
function checkUrl(url: string, read: () => unknown): void {
  try {
    if (/^(postgres(ql)?|socket):|^\//i.test(url)) return void read();
  } catch {
    // The error below is the same as for another kind of URL.
  }
  throw new SessionsError(
    "configuration_invalid",
    "The database's URL cannot be read. It is written as postgres://user:password@host:5432/database, " +
      "with what is no letter or digit in the password percent-encoded.",
  );
}
