import type { Json } from "@sessions/core/internal";
import { loadActive } from "../../flows/rows/active.ts";
import { loadArchived } from "../../flows/rows/archive.ts";
import type { CipherOf } from "../../flows/rows/row.ts";
import type { DashboardSource } from "./tables.ts";

/** What a person typed in one session: the data of each submitted step. The history's entries are not read. */
export async function loadTypedData(
  { db, schema }: DashboardSource,
  cipherOf: CipherOf,
  owner: string,
  id: string,
): Promise<Readonly<Record<string, Json>> | null> {
  const own = db.withSchema(schema);
  const stored = (await loadActive(own, cipherOf, owner, id)) ?? (await loadArchived(own, cipherOf, owner, id));
  return stored === null ? null : stored.snapshot.data;
}
