import { SessionsError } from "@sessions/core/internal";
import { removeClientErrorListeners } from "../postgres/connection/client-errors.ts";
import { createKysely } from "../postgres/database.ts";
import { migrate } from "../postgres/migrations.ts";
import { Partitions } from "../postgres/partitions.ts";
import type { Activities } from "./activities.ts";
import type { AnyActivity } from "./definition/define-activity.ts";
import { faultOf } from "./fault.ts";
import { checkedOptions, type ActivitiesOptions } from "./options.ts";
import { EventCheck, type EventOptions } from "./recorder/event-check.ts";
import { Recorder } from "./recorder/recorder.ts";
import { SoonEvents } from "./recorder/soon.ts";
import { activityMigrations } from "./rows/migrations.ts";
import { partitionedTables, type ActivityTables } from "./rows/tables.ts";

/** How many months of partitions `migrate` makes ahead. */
const MONTHS_AHEAD = 3;

/**
 * Records what people do, and builds activity sessions from it in the background, in Postgres.
 *
 * @throws {SessionsError} `configuration_invalid` for an option that cannot work.
 * @example
 * export const activity = createActivity({ database: pool, activities: [reading] });
 * await activity.migrate();
 * await activity.record(owner, "post_opened", { post: "42" });
 */
export function createActivity<const Declared extends readonly AnyActivity[]>(
  options: ActivitiesOptions<Declared>,
): Activities<Declared> {
  const { database, schema, prepare, activities, queueSize, now, onError: report } = checkedOptions(options);
  const db = createKysely<ActivityTables>(database, prepare ? { schema } : undefined);
  const partitions = new Partitions(db, schema, partitionedTables);
  const check = new EventCheck(activities, now);
  const recorder = new Recorder({ db, schema, partitions, queueSize, onWritten: () => {} });
  const soon = new SoonEvents({ record: (row) => recorder.record(row), size: queueSize, report });
  let closing: Promise<void> | undefined;

  const requireOpen = () => {
    if (closing !== undefined) throw new SessionsError("closed", "Try another node.");
  };
  /** Work of the database. A fault holds nothing of the driver's text. */
  const answer = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw faultOf(error);
    }
  };

  return {
    record: async (owner: string, event: string, data: unknown, given: EventOptions = {}) => {
      requireOpen();
      const row = check.rowOf(owner, event, data, given);
      await recorder.record(row);
      return row.id;
    },
    recordSoon: (owner: string, event: string, data: unknown, given: EventOptions = {}) => {
      requireOpen();
      return soon.add(check.rowOf(owner, event, data, given));
    },
    migrate: () =>
      answer(async () => {
        await migrate(db, schema, activityMigrations(schema));
        await partitions.ensureAhead(now(), MONTHS_AHEAD);
      }),
    close: () => (closing ??= close()),
  };

  async function close(): Promise<void> {
    const lost = await soon.close();
    await recorder.drain();
    if (lost > 0) report(new SessionsError("database_unreachable", `${lost} events were not written.`));
    removeClientErrorListeners(database);
  }
}
