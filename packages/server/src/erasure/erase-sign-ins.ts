import { sql, type Kysely } from "kysely";
import { chainHash } from "../postgres/chain-hash.ts";
import { bytes, json, time } from "../postgres/values.ts";
import { inTransaction } from "./erase-sessions.ts";
import type { ErasureTables } from "./tables.ts";

/** How many entries a statement deletes. */
const PAGE_SIZE = 1_000;

/**
 * Ends all live sign-ins of an owner, and erases them. An entry without a device or a place stays of each: nodes that heard
 * no notice find it in the database, within their lease. Gives the public ids.
 */
export function eraseLiveSignIns(
  db: Kysely<ErasureTables>,
  schema: string,
  owner: string,
  at: string,
): Promise<readonly string[]> {
  return inTransaction(db, schema, owner, at, async (tx) => {
    const table = sql.table(`${schema}.sign_in`);
    const { rows } = await sql<{ id: string; entry: number; revision: number }>`
      select id::text as id, entry, revision from ${table} where owner_id = ${owner} order by id for update`.execute(
      tx,
    );
    for (const { id, entry, revision } of rows) {
      const number = Number(entry) + 1;
      const text = JSON.stringify({
        signIn: id,
        entry: number,
        kind: "revoked",
        at,
        revision: Number(revision),
        device: "",
        place: null,
        factors: [],
        by: null,
        signal: null,
        erased: true,
      });
      await sql`
        insert into ${sql.table(`${schema}.sign_in_event`)} (owner_id, sign_in_id, entry, at, invalidates, body, hash)
        values (${owner}, ${id}::uuid, ${number}::integer, ${time(at)}, true, ${json(text)}, ${bytes(chainHash(null, text))})`.execute(
        tx,
      );
    }
    if (rows.length > 0) {
      await sql`
        update ${sql.table(`${schema}.owner`)} set revocation_epoch = revocation_epoch + 1
        where owner_id = ${owner}`.execute(tx);
      await sql`delete from ${table} where owner_id = ${owner}`.execute(tx);
    }
    return rows.map(({ id }) => id);
  });
}

/** Erases a page of the history of an owner's sign-ins. Gives how many entries. */
export async function eraseSignInHistory(db: Kysely<ErasureTables>, schema: string, owner: string): Promise<number> {
  const table = sql.table(`${schema}.sign_in_event`);
  const { rows } = await sql`
    delete from ${table} where owner_id = ${owner} and (sign_in_id, entry, at) in (
      select sign_in_id, entry, at from ${table}
      where owner_id = ${owner} and body ->> 'erased' is null limit ${PAGE_SIZE}::integer
    ) returning 1 as deleted`.execute(db);
  return rows.length;
}
