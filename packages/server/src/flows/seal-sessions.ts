import { sql, type Kysely } from "kysely";
import type { SessionsError } from "@sessions/core/internal";
import { lockOwner, writeCount } from "../postgres/owner.ts";
import type { OwnerCipher } from "../secrets/owner-cipher.ts";
import type { OwnerCiphers } from "../secrets/owner-ciphers.ts";
import { isSealedInvalid } from "../secrets/sealed.ts";
import { readCount, storeCount } from "../secrets/session-count.ts";
import { sealSession } from "./rows/resealing.ts";
import { stepParts } from "./rows/session-state.ts";
import type { Tables } from "./rows/tables.ts";
import { LEAST_ID } from "../postgres/values.ts";

const OWNERS_PAGE = 200;
const SESSIONS_PAGE = 200;

export interface SealingOptions {
  /** With the schema of the sessions. */
  readonly db: Kysely<Tables>;
  /** Of a node that seals. */
  readonly ciphers: Pick<OwnerCiphers, "forWriting" | "drop">;
  readonly now: () => number;
  /** Called after each session, with how many were sealed. It may throw to stop: no session is half done then. */
  readonly onProgress?: (sessions: number) => void;
  /** Called with the fault of a session that does not open. It stays as it is. */
  readonly report: (error: SessionsError) => void;
}

/**
 * Seals what was written before the keys, or when less was sealed: the rows of active and ended sessions, and their
 * histories. Chains without keys get hashes with the owners' keys. Each session is sealed in one transaction, and those that
 * are sealed already are left out: if it is killed, the next run goes on. Gives how many sessions it sealed.
 */
export async function sealSessions({ db, ciphers, now, onProgress, report }: SealingOptions): Promise<number> {
  let sealed = 0;
  for (let after = ""; ;) {
    const owners = await db
      .selectFrom("owner")
      .select(sql<string>`owner_id`.as("owner"))
      .where("owner_id", ">", after)
      .where(sql<boolean>`begun is not null`)
      .orderBy("owner_id")
      .limit(OWNERS_PAGE)
      .execute();
    for (const { owner } of owners) {
      const cipher = await ciphers.forWriting(owner);
      // A session that ends meanwhile is then among the ended ones.
      for (const table of ["session", "session_archive"] as const) {
        for await (const id of unsealedSessions(db, table, owner, cipher)) {
          try {
            await db.transaction().execute((tx) => sealSession(tx, table, owner, id, cipher));
          } catch (error) {
            if (!isSealedInvalid(error)) throw error;
            report(error);
            continue;
          }
          sealed += 1;
          onProgress?.(sealed);
        }
      }
      if (!cipher.acceptsPlain) continue;
      await refusePlain(db, owner, cipher, new Date(now()).toISOString());
      ciphers.drop(owner);
    }
    const last = owners.at(-1);
    if (last === undefined || owners.length < OWNERS_PAGE) return sealed;
    after = last.owner;
  }
}

/** The owner's sessions that are not sealed as far as the cipher seals. */
async function* unsealedSessions(
  db: Kysely<Tables>,
  table: "session" | "session_archive",
  owner: string,
  { scope, acceptsPlain }: OwnerCipher,
): AsyncGenerator<string, void, undefined> {
  const clearParts = stepParts.map((part) => sql`state ->> ${sql.lit(part)} <> '{}'`);
  const isClear =
    scope === "all"
      ? {
          row: sql.join([...clearParts, sql`state ->> 'result' is not null`], sql` or `),
          entry: sql`content is not null`,
        }
      : { row: sql`false`, entry: sql`body ->> 'sensitive' = 'true' and content ->> 'data' is not null` };
  for (let after = LEAST_ID; ;) {
    const entries = db
      .selectFrom("session_event as event")
      .select("event.entry")
      .where("event.owner_id", "=", owner)
      .where(sql<boolean>`event.session_id = ${sql.ref(table)}.id`)
      .where(sql<boolean>`(${isClear.entry})`);
    const rows = await db
      .selectFrom(table)
      .select(sql<string>`id::text`.as("session"))
      .where("owner_id", "=", owner)
      .where(sql<boolean>`id > ${after}::uuid`)
      .where(sql<boolean>`(sealed is null or ${acceptsPlain}::boolean or ${isClear.row} or exists (${entries}))`)
      .orderBy("id")
      .limit(SESSIONS_PAGE)
      .execute();
    for (const { session } of rows) yield session;
    const last = rows.at(-1);
    if (last === undefined || rows.length < SESSIONS_PAGE) return;
    after = last.session;
  }
}

/** Notes that every history of the owner has hashes with the key: from then on `verify` accepts no other ones. */
async function refusePlain(db: Kysely<Tables>, owner: string, cipher: OwnerCipher, at: string): Promise<void> {
  await db.transaction().execute(async (tx) => {
    const { count: stored } = await lockOwner(tx, owner, at);
    const count = stored && readCount(cipher, owner, stored);
    if (count?.plain) await writeCount(tx, owner, storeCount(cipher, owner, { ...count, plain: false }));
  });
}
