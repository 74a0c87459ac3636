import { sql, type Kysely } from "kysely";
import { bytesFromHex, LEAST_ID } from "../postgres/values.ts";
import { firstBrokenEntry, loadSignInHistory } from "./rows/history.ts";
import type { SignInTables } from "./rows/tables.ts";

/** A sign-in that contradicts its history. */
export interface BrokenSignIn {
  readonly owner: string;
  /** The public id. */
  readonly signIn: string;
  /** The problem, in numbers and words of the code. */
  readonly reason: string;
}

interface Checked {
  readonly owner: string;
  readonly id: string;
  readonly lastEntry: number;
  readonly lastHash: Uint8Array;
  /** Null for a live one. */
  readonly ending: string | null;
}

type Table = "sign_in" | "sign_in_archive";

const PAGE_SIZE = 500;

/**
 * Checks every sign-in, live and ended, against its history. The entries have no gaps, their hashes are chained, and the
 * row agrees with the last one. Gives the first broken one, by owner and id, and the number of checked ones.
 */
export async function verifySignIns(
  db: Kysely<SignInTables>,
  onProgress: (signIns: number) => void = () => {},
): Promise<{ readonly signIns: number; readonly broken: BrokenSignIn | null }> {
  let signIns = 0;
  for (const table of ["sign_in", "sign_in_archive"] as const) {
    for (let after = { owner: "", id: LEAST_ID }; ;) {
      const page = await listAfter(db, table, after);
      for (const checked of page) {
        const seemsWrong = (await findProblem(db, checked)) !== null;
        const reason = seemsWrong ? await findProblemAtOneMoment(db, checked) : null;
        if (reason !== null) return { signIns, broken: { owner: checked.owner, signIn: checked.id, reason } };
        signIns += 1;
      }
      onProgress(signIns);
      const last = page.at(-1);
      if (page.length < PAGE_SIZE || last === undefined) break;
      after = last;
    }
  }
  return { signIns, broken: null };
}

async function findProblem(db: Kysely<SignInTables>, checked: Checked): Promise<string | null> {
  const history = await loadSignInHistory(db, checked.owner, checked.id);
  const last = history.at(-1);
  if (last === undefined) return "has no history";
  const broken = firstBrokenEntry(history);
  if (broken !== null) return `has an entry ${broken} that was changed, or lacks it`;
  if (last.number !== checked.lastEntry) return `ends at entry ${checked.lastEntry}, its history at ${last.number}`;
  if (Buffer.compare(last.hash, checked.lastHash) !== 0) return `has another hash than its entry ${last.number}`;
  const { kind } = last.body;
  if (checked.ending !== null) return kind === checked.ending ? null : `ended as ${checked.ending}, and not as ${kind}`;
  return ["signed_in", "handed_off", "proved", "signal"].includes(kind) ? null : `is live, and ended as ${kind}`;
}

/** Checks a sign-in again at one moment. One that changes between two statements seems to contradict its history. */
function findProblemAtOneMoment(db: Kysely<SignInTables>, { owner, id }: Checked): Promise<string | null> {
  return db
    .transaction()
    .setIsolationLevel("repeatable read")
    .execute(async (tx) => {
      for (const table of ["sign_in", "sign_in_archive"] as const) {
        const row = await selectChecked(tx, table)
          .where("owner_id", "=", owner)
          .where("id", "=", id)
          .executeTakeFirst();
        const reason = row && (await findProblem(tx, checkedFrom(row)));
        if (reason) return reason;
      }
      return null;
    });
}

async function listAfter(
  db: Kysely<SignInTables>,
  table: Table,
  after: { readonly owner: string; readonly id: string },
): Promise<readonly Checked[]> {
  const rows = await selectChecked(db, table)
    .where(sql<boolean>`(owner_id, id) > (${after.owner}, ${after.id}::uuid)`)
    .orderBy("owner_id")
    .orderBy("id")
    .limit(PAGE_SIZE)
    .execute();
  return rows.map(checkedFrom);
}

interface Row {
  readonly owner: string;
  readonly signin: string;
  readonly entry: number;
  readonly hashbytes: string;
  readonly ending: string | null;
}

function selectChecked(db: Kysely<SignInTables>, table: Table) {
  return db
    .selectFrom(table)
    .select([
      sql<string>`owner_id`.as("owner"),
      sql<string>`id::text`.as("signin"),
      sql<number>`entry`.as("entry"),
      sql<string>`encode(hash, 'hex')`.as("hashbytes"),
      (table === "sign_in" ? sql<string | null>`null::text` : sql<string | null>`ending`).as("ending"),
    ]);
}

function checkedFrom({ owner, signin, entry, hashbytes, ending }: Row): Checked {
  return { owner, id: signin, lastEntry: Number(entry), lastHash: bytesFromHex(hashbytes), ending };
}
