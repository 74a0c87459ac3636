import { randomInt } from "node:crypto";
import { sql, type Kysely } from "kysely";
import { bucketOf, clampedIsoOf } from "../express-session/rows/stored-web-session.ts";
import type { WebSessionTables } from "../express-session/rows/tables.ts";
import { msOf, time } from "../postgres/values.ts";

type Db = Kysely<WebSessionTables>;

/** A value in `web_session`. */
export interface Place {
  readonly schema: string;
  readonly namespace: string;
  /** The SHA-256 of the key, as hex. */
  readonly key: string;
}

export interface Value {
  readonly data: string;
  readonly version: number;
  readonly expiresMs: number;
}

/** The version of a session that was deleted. Its row stays for a while, so that nothing writes the session again. */
const ENDED = -1;

const newVersion = () => randomInt(2 ** 48 - 1);
const table = (schema: string) => sql.table(`${schema}.web_session`);
const isRow = ({ namespace, key }: Place) => sql`namespace = ${namespace} and id = decode(${key}::text, 'hex')`;
const isLive = (nowMs: number) => sql`expires_at > ${time(clampedIsoOf(nowMs))}`;

export async function readValue(db: Db, place: Place, nowMs: number): Promise<Value | undefined> {
  const { rows } = await sql<{ data: string; version: string; expires: string }>`
    select data, version::text as version, ${msOf("expires_at")} as expires
    from ${table(place.schema)} where ${isRow(place)} and ${isLive(nowMs)} and version <> ${ENDED}`.execute(db);
  const [row] = rows;
  return row && { data: row.data, version: Number(row.version), expiresMs: Number(row.expires) };
}

/** Writes a value, whether there is one or not. It leaves a session that was deleted. */
export async function writeValue(
  db: Db,
  place: Place,
  { data, expiresMs }: { readonly data: string; readonly expiresMs: number },
  nowMs: number,
): Promise<void> {
  await sql`
    insert into ${table(place.schema)} as mine (namespace, id, data, version, expires_at, sweep_bucket)
    values (${place.namespace}, decode(${place.key}::text, 'hex'), ${data}, ${newVersion()}, ${time(clampedIsoOf(expiresMs))},
      ${time(bucketOf(expiresMs))})
    on conflict (namespace, id) do update set data = excluded.data, version = excluded.version,
      expires_at = excluded.expires_at, sweep_bucket = least(mine.sweep_bucket, excluded.sweep_bucket)
    where mine.version <> ${ENDED} or mine.expires_at <= ${time(clampedIsoOf(nowMs))}`.execute(db);
}

/** Writes a value if it is still the one that was read. False if another write came first. */
export async function replaceValue(
  db: Db,
  place: Place,
  read: Value | undefined,
  { data, expiresMs }: { readonly data: string; readonly expiresMs: number },
  nowMs: number,
): Promise<boolean> {
  const written = read
    ? await sql`
      update ${table(place.schema)} set data = ${data}, version = ${newVersion()}, expires_at = ${time(clampedIsoOf(expiresMs))},
        sweep_bucket = least(sweep_bucket, ${time(bucketOf(expiresMs))})
      where ${isRow(place)} and version = ${read.version} returning 1 as one`.execute(db)
    : await sql`
      insert into ${table(place.schema)} as mine (namespace, id, data, version, expires_at, sweep_bucket)
      values (${place.namespace}, decode(${place.key}::text, 'hex'), ${data}, ${newVersion()}, ${time(clampedIsoOf(expiresMs))},
        ${time(bucketOf(expiresMs))})
      on conflict (namespace, id) do update set data = excluded.data, version = excluded.version,
        expires_at = excluded.expires_at, sweep_bucket = least(mine.sweep_bucket, excluded.sweep_bucket)
      where mine.expires_at <= ${time(clampedIsoOf(nowMs))} returning 1 as one`.execute(db);
  return written.rows.length === 1;
}

/** Deletes a value, and gives it. */
export async function takeValue(db: Db, place: Place, nowMs: number): Promise<string | undefined> {
  const { rows } = await sql<{ data: string; live: string }>`
    delete from ${table(place.schema)} where ${isRow(place)} and version <> ${ENDED}
    returning data, (${isLive(nowMs)})::text as live`.execute(db);
  return rows[0]?.live === "true" ? rows[0].data : undefined;
}

/** Deletes a session, so that it cannot be written again before `untilMs`. */
export async function endValue(db: Db, place: Place, untilMs: number): Promise<void> {
  await sql`
    update ${table(place.schema)} set data = '', version = ${ENDED}, expires_at = ${time(clampedIsoOf(untilMs))}
    where ${isRow(place)}`.execute(db);
}

/** Which of these keys are of sessions that were deleted. */
export async function endedKeys(db: Db, place: Place, keys: readonly string[]): Promise<ReadonlySet<string>> {
  const { rows } = await sql<{ key: string }>`
    select encode(id, 'hex') as key from ${table(place.schema)}
    where namespace = ${place.namespace} and version = ${ENDED}
      and id = any(array(select decode(hex, 'hex') from unnest(string_to_array(${keys.join(",")}::text, ',')) as hex))`.execute(
    db,
  );
  return new Set(rows.map(({ key }) => key));
}

/** Adds one to a counter, and gives the sum. A new counter begins at one, and ends at `expiresMs`. */
export async function incrementValue(db: Db, place: Place, expiresMs: number, nowMs: number): Promise<number> {
  const { rows } = await sql<{ data: string }>`
    insert into ${table(place.schema)} as mine (namespace, id, data, version, expires_at, sweep_bucket)
    values (${place.namespace}, decode(${place.key}::text, 'hex'), '1', ${newVersion()}, ${time(clampedIsoOf(expiresMs))},
      ${time(bucketOf(expiresMs))})
    on conflict (namespace, id) do update set version = excluded.version,
      data = case when mine.expires_at > ${time(clampedIsoOf(nowMs))} then (mine.data::bigint + 1)::text else '1' end,
      expires_at = case when mine.expires_at > ${time(clampedIsoOf(nowMs))} then mine.expires_at else excluded.expires_at end,
      sweep_bucket = least(mine.sweep_bucket, excluded.sweep_bucket)
    returning data`.execute(db);
  return Number(rows[0]!.data);
}
