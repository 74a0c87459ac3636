import type { Json } from "@sessions/core/internal";
import { loadActive } from "../../flows/rows/active.ts";
import { loadArchived } from "../../flows/rows/archive.ts";
import type { DashboardSource } from "./tables.ts";

/** What a person typed in one session: the data of each submitted step. The history's entries are not read. */
export async function loadTypedData(
  { db, schema }: DashboardSource,
  owner: string,
  id: string,
): Promise<Readonly<Record<string, Json>> | null> {
  const own = db.withSchema(schema);
  const stored = (await loadActive(own, owner, id)) ?? (await loadArchived(own, owner, id));
  return stored === null ? null : stored.snapshot.data;
}
