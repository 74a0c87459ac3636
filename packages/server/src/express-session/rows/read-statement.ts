import type { AdoptedTable } from "./adopted-table.ts";
import type { Statement } from "./statement.ts";
import { isText, type StoredWebSession } from "./stored-web-session.ts";

/** The keys under which a session is looked up. */
export interface WebSessionKey {
  readonly key: string;
  /** The session's id. Only the adopted table is asked by it. */
  readonly sid: string;
}

/** A session as both tables hold it. */
export interface FoundWebSession {
  readonly key: string;
  readonly stored: StoredWebSession | undefined;
  /** The MD5 of the adopted row that `stored` equals. Null if it was never in the adopted table. */
  readonly adopted: string | null;
  /** The row of the adopted table. */
  readonly old: { readonly data: string; readonly md5: string; readonly expiresMs: number } | undefined;
}

/** A row of the statement that reads. */
export interface ReadRow {
  readonly key: string;
  readonly data: string | null;
  readonly version: string;
  readonly expires: string;
  readonly adopted: string | null;
  readonly olddata?: string | null;
  readonly oldmd5?: string;
  readonly oldexpires?: string;
}

/** The statement that reads many sessions. It gives no row for a session that is in no table. */
export function readStatement(
  { schema, namespace, old }: { readonly schema: string; readonly namespace: string; readonly old?: AdoptedTable },
  keys: readonly WebSessionKey[],
): Statement {
  const lists = [
    keys.map(({ key }) => key).join(","),
    ...(old ? [JSON.stringify(keys.map(({ sid }) => (isText(sid) ? sid : null)))] : []),
  ];
  return { text: old ? textWithAdopted(schema, old) : textOf(schema), values: [namespace, ...lists] };
}

/** The session of a row of this statement. */
export function foundOf({
  key,
  data,
  version,
  expires,
  adopted,
  olddata,
  oldmd5,
  oldexpires,
}: ReadRow): FoundWebSession {
  return {
    key,
    stored: data === null ? undefined : { key, data, version: Number(version), expiresMs: Number(expires) },
    adopted,
    old:
      olddata === null || olddata === undefined
        ? undefined
        : { data: olddata, md5: oldmd5!, expiresMs: Number(oldexpires) },
  };
}

const msTextOf = (column: string) => `round(extract(epoch from ${column}) * 1000)::text`;

function textOf(schema: string): string {
  return `
    select encode(id, 'hex') as key, data, version::text as version, ${msTextOf("expires_at")} as expires, null as adopted
    from "${schema}"."web_session"
    where namespace = $1::text
      and id = any(array(select decode(hex, 'hex') from unnest(string_to_array($2::text, ',')) as hex))`;
}

function textWithAdopted(schema: string, old: AdoptedTable): string {
  return `
    select input.key, mine.data, mine.version::text as version, ${msTextOf("mine.expires_at")} as expires, mine.adopted,
      old.sess::text as olddata, md5(old.sess::text) as oldmd5, ${msTextOf("old.expire::timestamptz")} as oldexpires
    from unnest(
      string_to_array($2::text, ','), array(select json_array_elements_text($3::text::json))
    ) as input (key, sid)
    left join "${schema}"."web_session" as mine on mine.namespace = $1::text and mine.id = decode(input.key, 'hex')
    left join ${old.name} as old on old.sid = input.sid
    where mine.id is not null or old.sid is not null`;
}
