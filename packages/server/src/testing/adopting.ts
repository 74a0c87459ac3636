import { createHash } from "node:crypto";
import { adoptVisitor, EntryBudget, type Moved } from "../postgres/adoption.ts";
import { createKysely } from "../postgres/database.ts";
import { lockOwner } from "../postgres/owner.ts";
import type { OwnerTables } from "../postgres/tables.ts";
import type { Sessions } from "../index.ts";

/** A visitor's id, of a secret that nobody needs to keep secret. */
export function visitorNamed(name: string): string {
  return `visitor-${createHash("sha256").update(name).digest("base64url")}`;
}

/** Gives a visitor's sessions to an owner, as a sign-in does, in a transaction of its own. Null if another owner has them. */
export async function adoptSessions(
  { adoption }: Pick<Sessions, "adoption">,
  visitor: string,
  owner: string,
): Promise<readonly Moved[] | null> {
  const db = createKysely<OwnerTables>(adoption.database);
  await adoption.prepare();
  const at = new Date().toISOString();
  const moved = await db.transaction().execute(async (plainTx) => {
    const tx = plainTx.withSchema(adoption.schema);
    await lockOwner(tx, owner, at);
    return adoptVisitor(tx, [adoption], { visitor, owner, at }, new EntryBudget(1_000_000));
  });
  for (const each of moved ?? []) each.tell();
  return moved;
}
