import { sql, type Kysely } from "kysely";
import { sessionSelection, sessionFromRow, ownerSelection, type CipherOf } from "./rows/row.ts";
import { keylessCipher } from "../secrets/owner-cipher.ts";
import { redact } from "@sessions/core/internal";
import type { Tables } from "./rows/tables.ts";
import { time, LEAST_ID } from "../postgres/values.ts";

const PAGE_SIZE = 1_000;

/** The ended sessions of a month ("2026-11"), the oldest first. Each is one line of JSON: its owner and its snapshot, with null for the data of sensitive steps. */
export async function* exportMonth(
  db: Kysely<Tables>,
  month: string,
  cipherOf: CipherOf = () => keylessCipher,
): AsyncGenerator<string, void, undefined> {
  const [year, number] = month.split("-").map(Number) as [number, number];
  const from = new Date(Date.UTC(year, number - 1)).toISOString();
  const to = new Date(Date.UTC(year, number)).toISOString();
  let after = { endedAt: from, owner: "", id: LEAST_ID };
  for (;;) {
    const rows = await db
      .selectFrom("session_archive")
      .select([...sessionSelection, ownerSelection])
      .where("ended_at", ">=", time(from))
      .where("ended_at", "<", time(to))
      .where(sql<boolean>`(ended_at, owner_id, id) > (${time(after.endedAt)}, ${after.owner}, ${after.id}::uuid)`)
      .orderBy("ended_at")
      .orderBy("owner_id")
      .orderBy("id")
      .limit(PAGE_SIZE)
      .execute();
    for (const row of rows) {
      const { snapshot: found } = await sessionFromRow(cipherOf, row.owner, row);
      const snapshot = redact(undefined, found);
      yield `${JSON.stringify({ owner: row.owner, ...snapshot })}\n`;
      after = { endedAt: snapshot.endedAt ?? to, owner: row.owner, id: snapshot.id };
    }
    if (rows.length < PAGE_SIZE) return;
  }
}
