import type { AdoptedTable } from "./adopted-table.ts";
import type { Statement } from "./statement.ts";
import { bucketOf, clampedIsoOf, isText } from "./stored-web-session.ts";

/**
 * What a write does:
 * - `put` writes a session, whether there is one or not.
 * - `replace` writes one whose version is still `base`.
 * - `touch` changes the deadline, and `extend` moves it to a later time, unless it is earlier than `sinceMs` now. Neither
 *   writes data.
 * - `adopt` copies one from the adopted table.
 * - `drop` deletes a copy whose original is gone from the adopted table. `destroy` deletes a session.
 */
export type WriteKind = "put" | "replace" | "touch" | "extend" | "adopt" | "drop" | "destroy";

export interface WebSessionWrite {
  readonly kind: WriteKind;
  readonly key: string;
  readonly sid: string;
  readonly data?: string;
  readonly version?: number;
  readonly base?: number;
  readonly expiresMs?: number;
  readonly sinceMs?: number;
}

const columns = ["kind", "key", "sid", "data", "version", "base", "expires", "bucket", "later", "since"] as const;
const types = [
  "text",
  "text",
  "text",
  "text",
  "bigint",
  "bigint",
  "timestamptz",
  "timestamptz",
  "timestamptz",
  "timestamptz",
];

/** The statement that makes many writes, at most one of each session. It gives the keys of those that were made. */
export function writeStatement(
  { schema, namespace, old }: { readonly schema: string; readonly namespace: string; readonly old?: AdoptedTable },
  writes: readonly WebSessionWrite[],
  nowMs: number,
): Statement {
  const rows = writes.map((write) => rowOf(write, old !== undefined));
  const lists = columns.map((column) => JSON.stringify(rows.map((row) => row[column])));
  const kinds = new Set(writes.map(({ kind }) => kind));
  return { text: textOf(schema, kinds, old), values: [namespace, clampedIsoOf(nowMs), ...lists] };
}

function rowOf({ kind, key, sid, data, version, base, expiresMs, sinceMs }: WebSessionWrite, isAdopting: boolean) {
  const at = expiresMs === undefined ? null : expiresMs;
  return {
    kind,
    key,
    sid: isAdopting && isText(sid) ? sid : null,
    data: data ?? null,
    version: version?.toString() ?? null,
    base: base?.toString() ?? null,
    expires: at === null ? null : clampedIsoOf(at),
    bucket: at === null ? null : bucketOf(at),
    // connect-pg-simple has whole seconds, and reads them as if they were the next.
    later: at === null ? null : clampedIsoOf(Math.ceil(at / 1_000) * 1_000),
    // A row that was adopted may end within a millisecond.
    since: sinceMs === undefined ? null : clampedIsoOf(sinceMs - 1),
  };
}

/** Lists are JSON texts, because drivers send arrays in different ways. */
function textOf(schema: string, kinds: ReadonlySet<WriteKind>, old: AdoptedTable | undefined): string {
  const table = `"${schema}"."web_session"`;
  const lists = types.map(
    (type, index) => `array(select json_array_elements_text($${index + 3}::text::json))::${type}[]`,
  );
  const parts = partsOf(table, kinds, old);
  const results = parts.filter(({ told }) => told).map(({ name }) => `select encode(id, 'hex') as key from ${name}`);
  return `
    with input (${columns.join(", ")}, now) as materialized (
      select *, $2::text::timestamptz from unnest(${lists.join(", ")})
    ),
    ${parts.map(({ name, text }) => `${name} as (${text})`).join(",\n")}
    ${results.join(" union all ")}`;
}

interface Part {
  readonly name: string;
  readonly text: string;
  /** Whether it gives the keys of the rows that it wrote. */
  readonly told: boolean;
}

function partsOf(table: string, kinds: ReadonlySet<WriteKind>, old: AdoptedTable | undefined): readonly Part[] {
  const parts: Part[] = [];
  const add = (name: string, text: string, told = true) => parts.push({ name, text, told });
  const isRow = `mine.namespace = $1::text and mine.id = decode(input.key, 'hex')`;
  const isLive = `mine.expires_at > input.now`;
  const md5 = old ? `md5(input.data::${old.dataType}::text)` : "null::text";
  const earliest = (bucket: string) => `least(mine.sweep_bucket, ${bucket})`;
  const columnNames = "namespace, id, data, version, expires_at, sweep_bucket, adopted";
  const excluded = `data = excluded.data, version = excluded.version, expires_at = excluded.expires_at,
    sweep_bucket = ${earliest("excluded.sweep_bucket")}, adopted = excluded.adopted`;
  if (kinds.has("destroy"))
    add("destroyed", `delete from ${table} as mine using input where kind = 'destroy' and ${isRow} returning mine.id`);
  if (kinds.has("drop"))
    add(
      "dropped",
      `delete from ${table} as mine using input where kind = 'drop' and ${isRow} and mine.version = input.base returning mine.id`,
    );
  if (kinds.has("put"))
    add(
      "put",
      `insert into ${table} as mine (${columnNames})
      select $1::text, decode(key, 'hex'), data, version, expires, bucket, ${md5} from input where kind = 'put' order by key
      on conflict (namespace, id) do update set ${excluded} returning mine.id`,
    );
  if (kinds.has("replace"))
    add(
      "replaced",
      `update ${table} as mine set data = input.data, version = input.version, expires_at = input.expires,
        sweep_bucket = ${earliest("input.bucket")}, adopted = ${old ? md5 : "mine.adopted"}
      from input where kind = 'replace' and ${isRow} and ${isLive} and mine.version = input.base
      ${old ? `and (mine.adopted is null or exists (select from ${old.name} as old where old.sid = input.sid and md5(old.sess::text) = mine.adopted))` : ""}
      returning mine.id`,
    );
  if (kinds.has("touch") || kinds.has("extend"))
    add(
      "touched",
      `update ${table} as mine set sweep_bucket = ${earliest("input.bucket")},
        expires_at = case when kind = 'touch' then input.expires else greatest(mine.expires_at, input.expires) end
      from input where (kind = 'touch' or (kind = 'extend' and mine.expires_at >= input.since)) and ${isRow} and ${isLive}
      returning mine.id`,
    );
  if (old) addAdopted(add, { table, kinds, old, columnNames, excluded });
  return parts;
}

/** The same writes on the adopted table, so that nodes which still work on it see them. */
function addAdopted(
  add: (name: string, text: string, told?: boolean) => void,
  {
    table,
    kinds,
    old,
    columnNames,
    excluded,
  }: {
    readonly table: string;
    readonly kinds: ReadonlySet<WriteKind>;
    readonly old: AdoptedTable;
    readonly columnNames: string;
    readonly excluded: string;
  },
): void {
  const written = [
    ...(kinds.has("put") ? ["select id from put"] : []),
    ...(kinds.has("replace") ? ["select id from replaced"] : []),
  ].join(" union all ");
  if (kinds.has("destroy"))
    add("old_destroyed", `delete from ${old.name} where sid in (select sid from input where kind = 'destroy')`, false);
  if (written !== "")
    add(
      "old_written",
      `insert into ${old.name} (sid, sess, expire)
      select sid, data::${old.dataType}, later::${old.expireType} from input
      where kind in ('put', 'replace') and decode(key, 'hex') in (${written})
      order by sid on conflict (sid) do update set sess = excluded.sess, expire = excluded.expire`,
      false,
    );
  if (kinds.has("touch") || kinds.has("extend"))
    add(
      "old_touched",
      `update ${old.name} as old set
        expire = case when kind = 'touch' then input.later::${old.expireType} else greatest(old.expire, input.later::${old.expireType}) end
      from input where old.sid = input.sid and kind in ('touch', 'extend') and decode(key, 'hex') in (select id from touched)`,
      false,
    );
  if (kinds.has("adopt"))
    add(
      "adopted",
      `insert into ${table} as mine (${columnNames})
      select $1::text, decode(key, 'hex'), old.sess::text, version, old.expire::timestamptz,
        date_trunc('hour', old.expire::timestamptz), md5(old.sess::text)
      from input join ${old.name} as old on old.sid = input.sid where kind = 'adopt' order by key
      on conflict (namespace, id) do update set ${excluded} returning mine.id`,
    );
}
