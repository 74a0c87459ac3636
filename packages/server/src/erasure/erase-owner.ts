import { sql, type Kysely, type Transaction } from "kysely";
import type { Bus } from "../bus/bus.ts";
import { contentOf } from "../bus/sign-in-change.ts";
import { Partitions } from "../postgres/partitions.ts";
import { writeCount } from "../postgres/owner.ts";
import { destroyDataKeys } from "../secrets/rows/owner-keys.ts";
import { inTransaction, sessionErasers } from "./erase-sessions.ts";
import { eraseLiveSignIns, eraseSignInHistory } from "./erase-sign-ins.ts";
import { personalTables } from "./personal-tables.ts";
import { deletePage, tableNames } from "./table-pages.ts";
import type { ErasureTables } from "./tables.ts";
import { noteBegin, noteEnd, type Tombstone } from "./tombstones.ts";

/** How many rows a statement deletes. */
const PAGE_SIZE = 1_000;

export interface ErasureContext {
  readonly db: Kysely<ErasureTables>;
  readonly schema: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly bus?: Bus | undefined;
  /** Called with the number of rows so far. If it throws, the erasure stops there: the next one goes on. */
  readonly onProgress?: ((rows: number) => void) | undefined;
}

/** What an erasure did, in numbers. */
export interface ErasedOwner {
  readonly sessions: number;
  readonly signIns: number;
  /** The rows of other tables. */
  readonly rows: number;
}

/**
 * Erases an owner: sessions, histories, sign-ins and everything else that the tables hold of them, in short transactions.
 * It may be killed at any moment, and run again. Of the ended sessions, numbers stay for the limits. The data key is
 * destroyed, and a tombstone is kept. `tombstone` is that of an earlier erasure, which a restored backup lacks.
 */
export async function eraseOwner(context: ErasureContext, owner: string, tombstone?: Tombstone): Promise<ErasedOwner> {
  const { db, schema, now, bus, onProgress } = context;
  const at = new Date(now()).toISOString();
  const tables = await tableNames(db, schema);
  let done = 0;
  const all = async (erasePage: () => Promise<number>): Promise<number> => {
    let sum = 0;
    for (let erased = -1; erased !== 0;) {
      erased = await erasePage();
      sum += erased;
      done += erased;
      onProgress?.(done);
    }
    return sum;
  };
  const locked = <T>(work: (tx: Transaction<ErasureTables>) => Promise<T>) =>
    inTransaction(db, schema, owner, at, work);

  const wasInterrupted = await noteBegin(db, schema, owner, at);
  // A backup from before the adoption has the rows of the visitor.
  for (const visitor of await adoptedVisitors(context, owner)) await eraseOwner(context, visitor);
  let sessions = 0;
  const erasers = tables.has("session") ? sessionErasers : [];
  for (const erase of erasers) sessions += await all(() => locked((tx) => erase(tx, schema, owner)));
  const signIns = tables.has("sign_in") ? await eraseSignIns(context, owner, at, all) : 0;
  let rows = 0;
  for (const table of personalTables) {
    if (tables.has(table.name)) rows += await all(() => deletePage(db, schema, table, owner, PAGE_SIZE));
  }
  await locked(async (tx) => {
    await destroyDataKeys(tx.withSchema(schema), owner);
    // Sessions that began meanwhile: with the key gone, nobody could read them.
    for (const erase of erasers) sessions += await all(() => erase(tx, schema, owner));
    // The owner begins anew. The count's hash needs the owner's keys, which nobody needs to erase.
    await writeCount(tx.withSchema(schema), owner, null);
    await noteEnd(tx, schema, owner, at, { didErase: wasInterrupted || done > 0, given: tombstone });
  });
  bus?.publish({ kind: "erased", owner });
  return { sessions, signIns, rows };
}

async function adoptedVisitors({ db, schema }: ErasureContext, owner: string): Promise<readonly string[]> {
  const rows = await db
    .withSchema(schema)
    .selectFrom("owner")
    .select(sql<string>`owner_id`.as("visitor"))
    .where("adopted_by", "=", owner)
    .execute();
  return rows.map(({ visitor }) => visitor);
}

async function eraseSignIns(
  { db, schema, bus, now }: ErasureContext,
  owner: string,
  at: string,
  all: (erasePage: () => Promise<number>) => Promise<number>,
): Promise<number> {
  await new Partitions(db, schema, ["sign_in_event"]).ensure(now());
  const ended = await eraseLiveSignIns(db, schema, owner, at);
  for (const id of ended) bus?.publish({ kind: "sign_in", content: contentOf(schema, { kind: "ended", owner, id }) });
  await all(() => eraseSignInHistory(db, schema, owner));
  return ended.length;
}
