import { sql, type Kysely } from "kysely";
import { countFromRow, countSelection, type StoredCount } from "../../postgres/owner.ts";
import { time, LEAST_ID } from "../../postgres/values.ts";
import type { OwnerCipher } from "../../secrets/owner-cipher.ts";
import { loadCount } from "../../secrets/rows/session-counts.ts";
import { combineIds, NO_IDS, readCount, saysKeyed, type CountedSpan } from "../../secrets/session-count.ts";
import { unopenedAsProblem } from "./row-problem.ts";
import { listBegun } from "../rows/history/history.ts";
import type { CipherOf } from "../rows/row.ts";
import type { Tables } from "../rows/tables.ts";

/** An owner whose sessions are not those that the owner began. */
export interface Miscount {
  readonly owner: string;
  /** The session that is missing, or one too many, if it is a single one. */
  readonly session: string | null;
  readonly reason: string;
}

const OWNERS_PAGE = 500;
const SESSIONS_PAGE = 5_000;

/** How often an owner is checked again who seems to get keys at this moment. */
const MOST_CHECKS = 3;

/**
 * Compares the count of each owner with the histories that are there, from the month `from` on: months before it may have
 * been dropped. Gives the first owner, by id, whose count differs.
 */
export async function findMiscount(db: Kysely<Tables>, cipherOf: CipherOf, from: string): Promise<Miscount | null> {
  for (let after = ""; ;) {
    const page = await db
      .selectFrom("owner")
      .select([sql<string>`owner_id`.as("owner"), ...countSelection])
      .where("owner_id", ">", after)
      .orderBy("owner_id")
      .limit(OWNERS_PAGE)
      .execute();
    for (const row of page) {
      const count = countFromRow(row);
      if (count === null) continue;
      const { owner } = row;
      const seemsWrong = await findProblem(db, cipherOf, owner, count, from);
      const wrong = seemsWrong && (await findProblemAtOneMoment(db, cipherOf, owner, from));
      if (wrong !== null) return { owner, ...wrong };
    }
    const last = page.at(-1);
    if (last === undefined || page.length < OWNERS_PAGE) break;
    after = last.owner;
  }
  return (await findUncounted(db, `${from}-01`)) ?? findLostKey(db);
}

type Problem = Omit<Miscount, "owner">;

/** Checks an owner again at one moment. An owner who begins a session between two statements seems to have one too many. */
async function findProblemAtOneMoment(
  db: Kysely<Tables>,
  cipherOf: CipherOf,
  owner: string,
  from: string,
): Promise<Problem | null> {
  const check = async (tx: Kysely<Tables>, given: CipherOf) => {
    const count = await loadCount(tx, owner);
    const problem = count && (await findProblem(tx, given, owner, count, from));
    return { problem, isKeyed: count !== null && saysKeyed(count) };
  };
  if (db.isTransaction) return (await check(db, cipherOf)).problem;
  for (let times = 1; ; times += 1) {
    // The transaction must not wait for another connection.
    let given: OwnerCipher | undefined;
    const unopened = await unopenedAsProblem(async () => {
      given = await cipherOf(owner);
      return null;
    });
    if (given === undefined) return { session: null, reason: unopened ?? "has keys that do not open" };
    const cipher = given;
    const moment = db.transaction().setIsolationLevel("repeatable read");
    const { problem, isKeyed } = await moment.execute((tx) => check(tx, () => cipher));
    // The owner may have got keys after the cipher was loaded.
    const mayBeNew = isKeyed && cipher.scope === "nothing";
    if (!mayBeNew || times === MOST_CHECKS) return problem;
  }
}

async function findProblem(
  db: Kysely<Tables>,
  cipherOf: CipherOf,
  owner: string,
  stored: StoredCount,
  from: string,
): Promise<Problem | null> {
  let problem: Problem | null = null;
  const unopened = await unopenedAsProblem(async () => {
    const count = readCount(await cipherOf(owner), owner, stored);
    if (count === null) problem = { session: null, reason: "has a count of its sessions that was changed" };
    else if (!(await isBeingErased(db, owner))) problem = await compare(db, owner, count.spans, from);
    return null;
  });
  return unopened === null ? problem : { session: null, reason: unopened };
}

/** Compares what was counted with what is there. An owner may have very many sessions, so they are read page by page. */
async function compare(
  db: Kysely<Tables>,
  owner: string,
  spans: readonly CountedSpan[],
  from: string,
): Promise<Problem | null> {
  const found = spans.map(() => ({ sessions: 0, ids: NO_IDS }));
  for (let after = LEAST_ID; ;) {
    const page = await listBegun(db, owner, after, SESSIONS_PAGE);
    for (const { id, at } of page) {
      const month = at.slice(0, from.length);
      const place = spans.findLastIndex((span) => span.from <= month);
      if (place === -1 && month >= from) return notBegun(id);
      const sum = found[place];
      if (sum === undefined) continue;
      sum.sessions += 1;
      sum.ids = combineIds(sum.ids, id);
    }
    const last = page.at(-1);
    if (last === undefined || page.length < SESSIONS_PAGE) break;
    after = last.id;
  }
  for (const [index, span] of spans.entries()) {
    const sum = found[index]!;
    if (span.from < from || (sum.sessions === span.sessions && sum.ids === span.ids)) continue;
    return differenceOf(span, sum);
  }
  return null;
}

function differenceOf(span: CountedSpan, found: Omit<CountedSpan, "from">): Problem {
  const missing = span.sessions - found.sessions;
  const session = combineIds(span.ids, found.ids);
  if (missing === 1) return { session, reason: "is gone, and its history too" };
  if (missing === -1) return notBegun(session);
  const since = `those that it began since ${span.from}`;
  if (missing === 0) return { session: null, reason: `has other sessions than ${since}` };
  return { session: null, reason: `has ${Math.abs(missing)} sessions ${missing > 0 ? "less" : "more"} than ${since}` };
}

function notBegun(session: string): Problem {
  return { session, reason: "is there, and its owner has not begun it" };
}

async function isBeingErased(db: Kysely<Tables>, owner: string): Promise<boolean> {
  const row = await db.selectFrom("erasure_begun").select("owner_id").where("owner_id", "=", owner).executeTakeFirst();
  return row !== undefined;
}

/** A session, or keys, of an owner without a count. */
async function findUncounted(db: Kysely<Tables>, from: string): Promise<Miscount | null> {
  const countOf = (of: string) =>
    db
      .selectFrom("owner")
      .select("owner.owner_id")
      .where(sql<boolean>`owner.owner_id = ${sql.ref(of)}.owner_id and owner.begun is not null`);
  const sessions = db
    .selectFrom("session_event as begun")
    .select([sql<string>`begun.owner_id`.as("owner"), sql<string | null>`begun.session_id::text`.as("session")])
    .where("begun.entry", "=", 1)
    .where("begun.at", ">=", time(`${from}T00:00:00Z`))
    .where(({ not, exists }) => not(exists(countOf("begun"))));
  const keys = db
    .selectFrom("owner_key as keyed")
    .select([sql<string>`keyed.owner_id`.as("owner"), sql<string | null>`null`.as("session")])
    .where(sql<boolean>`keyed.data is not null`)
    .where(({ not, exists }) => not(exists(countOf("keyed"))));
  const first = await sessions.unionAll(keys).orderBy("owner").orderBy("session").limit(1).executeTakeFirst();
  if (first === undefined) return null;
  const { owner, session } = first;
  return session === null
    ? { owner, session, reason: "has keys, and no count of its sessions" }
    : { owner, ...notBegun(session) };
}

/** Keys that were destroyed although their owner was not erased. */
async function findLostKey(db: Kysely<Tables>): Promise<Miscount | null> {
  const lost = db
    .selectFrom("owner_key")
    .select([sql<string>`owner_id`.as("owner"), sql<number>`count(*)`.as("keys")])
    .where(sql<boolean>`data is null`)
    .groupBy("owner_id");
  const erased = db
    .selectFrom("erasure")
    .select([sql<string>`owner_id`.as("owner"), sql<number>`max(number)`.as("times")])
    .groupBy("owner_id");
  const first = await db
    .selectFrom(lost.as("lost"))
    .leftJoin(erased.as("erased"), "erased.owner", "lost.owner")
    .select("lost.owner")
    .where(sql<boolean>`lost.keys > coalesce(erased.times, 0)`)
    .orderBy("lost.owner")
    .limit(1)
    .executeTakeFirst();
  return first === undefined
    ? null
    : { owner: first.owner, session: null, reason: "has a destroyed key, and was not erased" };
}
