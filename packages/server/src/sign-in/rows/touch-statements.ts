import { CompiledQuery, type Kysely } from "kysely";
import type { SignInTables } from "./tables.ts";

/** A use of a sign-in that is noted. */
export interface Touch {
  readonly owner: string;
  /** The public id. */
  readonly id: string;
  readonly lastUsedMs: number;
  readonly endsMs: number;
  /** A row that another node touched later than this is left as it is. */
  readonly unlessAfterMs: number;
}

/**
 * The statements that note when sign-ins were used last. They never wait: a row that a transaction has locked is skipped.
 * An earlier deadline never takes the place of a later one: a new proof may have come meanwhile.
 */
export class TouchStatements {
  readonly #textForOne: string;
  readonly #textForTouched: string;
  readonly #textForMany: string;

  constructor(schema: string) {
    this.#textForOne = textForOne(schema);
    this.#textForTouched = textForTouched(schema);
    this.#textForMany = textForMany(schema);
  }

  /** Touches one row by its key, so that a distributed Postgres uses one shard. False if it is gone, or if another write came between. */
  async touchOne(db: Kysely<SignInTables>, touch: Touch): Promise<boolean> {
    const values = valuesOf(touch);
    const [owner, id, , , unlessAfter] = values;
    if ((await send(db, this.#textForOne, values)).length === 1) return true;
    // Another node touched it later, or it is gone or locked.
    return (await send(db, this.#textForTouched, [owner, id, unlessAfter])).length === 1;
  }

  /** Touches rows of many owners in one statement, and gives for each what `touchOne` gives. */
  async touchMany(db: Kysely<SignInTables>, touches: readonly Touch[]): Promise<readonly boolean[]> {
    const rows = touches.map(valuesOf);
    const lists = columns.map((_, index) => JSON.stringify(rows.map((row) => row[index])));
    const found = new Set(await send(db, this.#textForMany, lists));
    return touches.map((_, index) => found.has(index + 1));
  }
}

const columns = ["owner_id", "id", "last_used_at", "ends_at", "unless_after"] as const;

function valuesOf({ owner, id, lastUsedMs, endsMs, unlessAfterMs }: Touch): string[] {
  return [owner, id, ...[lastUsedMs, endsMs, unlessAfterMs].map((atMs) => new Date(atMs).toISOString())];
}

async function send(db: Kysely<SignInTables>, text: string, values: unknown[]): Promise<readonly number[]> {
  const { rows } = await db.executeQuery<{ position: number | string }>(CompiledQuery.raw(text, values));
  return rows.map(({ position }) => Number(position));
}

function textForOne(schema: string): string {
  return `
    update "${schema}"."sign_in"
    set last_used_at = $3::text::timestamptz, ends_at = greatest(ends_at, $4::text::timestamptz)
    where owner_id = $1::text and id = (
      select id from "${schema}"."sign_in"
      where owner_id = $1::text and id = $2::uuid and last_used_at <= $5::text::timestamptz
      for no key update skip locked
    )
    returning 1 as position`;
}

function textForTouched(schema: string): string {
  return `
    select 1 as position from "${schema}"."sign_in"
    where owner_id = $1::text and id = $2::uuid and last_used_at > $3::text::timestamptz
    for no key update skip locked`;
}

/** Positions count from 1. A list is one JSON text, because drivers send arrays in different ways. */
function textForMany(schema: string): string {
  const types = ["text", "uuid", "timestamptz", "timestamptz", "timestamptz"];
  const lists = types.map(
    (type, index) => `array(select json_array_elements_text($${index + 1}::text::json))::${type}[]`,
  );
  return `
    with input (${columns.join(", ")}, position) as (
      select * from unnest(${lists.join(", ")}) with ordinality
    ), free as (
      select input.position, sign_in.ctid as place, sign_in.last_used_at <= input.unless_after as due
      from input join "${schema}"."sign_in" as sign_in using (owner_id, id)
      for no key update of sign_in skip locked
    ), made as (
      update "${schema}"."sign_in" as sign_in
      set last_used_at = input.last_used_at, ends_at = greatest(sign_in.ends_at, input.ends_at)
      from input join free using (position)
      where sign_in.ctid = free.place and free.due
      returning input.position
    )
    select position::text as position from made union all select position::text from free where not due`;
}
