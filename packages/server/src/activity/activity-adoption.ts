import { sql, type Transaction } from "kysely";
import type { AdoptedVisitor, Adoption, Moved } from "../postgres/adoption.ts";
import type { Database } from "../postgres/database.ts";
import type { Partitions } from "../postgres/partitions.ts";
import type { OwnerTables } from "../postgres/tables.ts";
import { ADOPTION_EVENT, adoptionData } from "./builder/adoption-event.ts";
import { newEventId } from "./recorder/event-id.ts";

interface ActivityAdoptionOptions {
  readonly database: Database;
  readonly schema: string;
  readonly partitions: Partitions;
  readonly now: () => number;
}

/**
 * Gives what a visitor did to an owner. The transaction that signs the owner in notes it among the events. The node that
 * builds activity sessions moves them then: it alone knows which events are counted.
 */
export class ActivityAdoption implements Adoption {
  readonly holds = "events";
  readonly database: Database;
  readonly schema: string;
  readonly #options: ActivityAdoptionOptions;

  constructor(options: ActivityAdoptionOptions) {
    this.database = options.database;
    this.schema = options.schema;
    this.#options = options;
  }

  async prepare(): Promise<void> {
    const { partitions, now } = this.#options;
    await partitions.ensure(now());
  }

  /** A visitor without events leaves no trace. One whose first event is on its way is found when the event is read. */
  async move(tx: Transaction<OwnerTables>, adopted: AdoptedVisitor & { readonly at: string }): Promise<Moved> {
    const { visitor, owner, at } = adopted;
    const table = (name: string) => sql.table(`${this.schema}.${name}`);
    const has = (name: string) => sql`exists (select from ${table(name)} where owner_id = ${visitor})`;
    await sql`
      insert into ${table("activity_event")} (owner_id, at, id, name, data, received_at)
      select ${owner}, ${at}::text::timestamptz, ${newEventId(Date.parse(at))}::text::uuid, ${ADOPTION_EVENT}::text,
        ${adoptionData(visitor)}::text::json, ${at}::text::timestamptz
      where ${has("activity_event")} or ${has("activity_session")} or ${has("activity_session_archive")}`.execute(tx);
    return { visitor, owner, sessions: [], hasRest: false, tell: () => {} };
  }
}
