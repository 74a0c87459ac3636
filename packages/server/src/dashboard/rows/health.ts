import { sql } from "kysely";
import { numberOrNull } from "./number-or-null.ts";
import type { DashboardSource } from "./tables.ts";

/** A transaction that is open. Its statement is not read: it may hold what a person typed. */
export interface OpenTransaction {
  readonly database: string | null;
  readonly pid: number;
  readonly application: string;
  readonly state: string;
  readonly ageMs: number;
  readonly hasWritten: boolean;
}

export interface Health {
  readonly version: string;
  readonly isReplica: boolean;
  /** Whether the dashboard's role sees the transactions of other roles. */
  readonly seesAll: boolean;
  readonly connections: readonly { readonly state: string; readonly count: number }[];
  readonly maxConnections: number;
  /** The oldest transactions of all databases of the cluster, and those that have written and idle, the oldest first. */
  readonly transactions: readonly OpenTransaction[];
  readonly preparedTransactions: number;
  readonly replicas: readonly {
    readonly name: string;
    readonly state: string;
    readonly sync: string;
    readonly lagMs: number | null;
  }[];
}

/** How many of the oldest transactions are listed, and how many of those that have written and idle. */
const LISTED = 5;

export async function loadHealth({ db }: DashboardSource): Promise<Health> {
  const server = await sql<{ version: string; replica: string; sees: string; most: string; prepared: string }>`
    select current_setting('server_version') as version, pg_is_in_recovery()::text as replica,
      pg_has_role(current_user, 'pg_read_all_stats', 'usage')::text as sees,
      current_setting('max_connections') as most, (select count(*) from pg_prepared_xacts)::text as prepared`.execute(
    db,
  );
  const connections = await sql<{ state: string; count: string }>`
    select coalesce(state, 'not seen') as state, count(*)::text as count from pg_stat_activity
    where backend_type = 'client backend' group by 1 order by 1`.execute(db);
  const transactions = await sql<{
    datname: string | null;
    pid: number;
    application: string;
    state: string;
    age: string;
    written: string;
  }>`
    select datname::text as datname, pid, application_name as application, coalesce(state, '') as state,
      round(extract(epoch from clock_timestamp() - xact_start) * 1000)::text as age,
      (backend_xid is not null)::text as written
    from (
      select *, row_number() over (order by xact_start) as nth,
        row_number() over (partition by backend_xid is not null and state like 'idle in transaction%' order by xact_start) as nthalike
      from pg_stat_activity
      where xact_start is not null and pid <> pg_backend_pid() and backend_type = 'client backend'
    ) as open
    where nth <= ${sql.lit(LISTED)}
      or (backend_xid is not null and state like 'idle in transaction%' and nthalike <= ${sql.lit(LISTED)})
    order by xact_start`.execute(db);
  const replicas = await sql<{ name: string; state: string; sync: string; lag: string | null }>`
    select coalesce(application_name, '') as name, coalesce(state, 'not seen') as state,
      coalesce(sync_state, 'not seen') as sync, round(extract(epoch from replay_lag) * 1000)::text as lag
    from pg_stat_replication order by application_name, pid limit 50`.execute(db);
  const [found] = server.rows;
  return {
    version: found?.version ?? "",
    isReplica: found?.replica === "true",
    seesAll: found?.sees === "true",
    maxConnections: Number(found?.most),
    preparedTransactions: Number(found?.prepared),
    connections: connections.rows.map(({ state, count }) => ({ state, count: Number(count) })),
    transactions: transactions.rows.map(({ datname, pid, application, state, age, written }) => ({
      database: datname,
      pid: Number(pid),
      application,
      state,
      ageMs: Number(age),
      hasWritten: written === "true",
    })),
    replicas: replicas.rows.map(({ name, state, sync, lag }) => ({ name, state, sync, lagMs: numberOrNull(lag) })),
  };
}
