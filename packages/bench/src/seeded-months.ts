import type { Pool, PoolClient } from "pg";

/** How many months are filled: two years. The last one is the present. */
const MONTHS = 24;
/** How many tables are filled at a time: one for each of two processors. */
const AT_ONCE = 2;

/** A table that has a partition for each month. */
export interface MonthlyTable {
  readonly name: string;
  /** The columns that are filled. */
  readonly columns: string;
  /** What they are, for the row with the number `n` and the time `past`. */
  readonly values: string;
  /** Another table of which each number gets all rows. */
  readonly from: string;
}

interface Month {
  readonly suffix: string;
  readonly from: string;
  readonly to: string;
  /** The end of its rows: an hour ago in the present month. */
  readonly until: string;
}

/**
 * Fills the partitions of the last two years with rows that are numbered from 1, the oldest first. A past month is a
 * table by itself until its rows are there: indexes are then made at once, instead of row by row.
 */
export async function fillMonths(pool: Pool, count: number, tables: readonly MonthlyTable[]): Promise<void> {
  const { rows: months } = await pool.query<Month>(
    `select to_char(month, 'YYYY_MM') as suffix, month::text as "from", (month + interval '1 month')::text as "to",
       least(month + interval '1 month', now() - interval '1 hour')::text as until
     from generate_series(date_trunc('month', now()) - make_interval(months => $1), date_trunc('month', now()), '1 month') as month
     order by month`,
    [MONTHS - 1],
  );
  const waiting = tables.flatMap((table) =>
    months.map((month, index) => async (client: PoolClient) => {
      const first = Math.floor((count * index) / MONTHS) + 1;
      const last = Math.floor((count * (index + 1)) / MONTHS);
      await fillMonth(client, table, month, { first, last });
    }),
  );
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      const client = await pool.connect();
      try {
        await client.query("set synchronous_commit = off; set maintenance_work_mem = '1GB'");
        for (let fill = waiting.shift(); fill !== undefined; fill = waiting.shift()) await fill(client);
      } finally {
        // It has settings that are not to be measured.
        client.release(true);
      }
    }),
  );
}

async function fillMonth(
  client: PoolClient,
  { name, columns, values, from }: MonthlyTable,
  { suffix, from: start, to, until }: Month,
  { first, last }: { readonly first: number; readonly last: number },
): Promise<void> {
  const parent = `sessions.${name}`;
  const part = `${parent}_${suffix}`;
  const { rows } = await client.query("select from pg_class where oid = to_regclass($1)", [part]);
  const isNew = rows.length === 0;
  if (isNew) await client.query(`create table ${part} (like ${parent} including defaults including storage)`);
  await client.query(
    `insert into ${part} (${columns})
     select ${values} from generate_series(${first}, ${last}) as n, ${from},
       lateral (select '${start}'::timestamptz + ('${until}'::timestamptz - '${start}'::timestamptz) * ((n - ${first}) / ${last - first + 1}.0::float8) as past) as moment`,
  );
  if (isNew) {
    await client.query(`alter table ${parent} attach partition ${part} for values from ('${start}') to ('${to}')`);
  }
  // Or Postgres does it by itself, while something is measured.
  await client.query(`vacuum (freeze) ${part}`);
}
