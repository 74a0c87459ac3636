import { SessionsError } from "@sessions/core/internal";
import { removeClientErrorListeners } from "../postgres/connection/client-errors.ts";
import { createKysely } from "../postgres/database.ts";
import { checkMigrated, migrate } from "../postgres/migrations.ts";
import { Partitions } from "../postgres/partitions.ts";
import { project, type ProjectionContext } from "../projections/projection.ts";
import { createProjections } from "../projections/projections.ts";
import { repeatSweeps } from "../repeated-sweeps.ts";
import type { Activities } from "./activities.ts";
import { ActivityAdoption } from "./activity-adoption.ts";
import { Archiver } from "./builder/archiver.ts";
import { addEvents } from "./builder/build.ts";
import { activityEvents } from "./builder/event-source.ts";
import type { AnyActivity } from "./definition/define-activity.ts";
import { activityFault } from "./fault.ts";
import { checkedOptions, type ActivitiesOptions } from "./options.ts";
import { EventCheck, type EventOptions } from "./recorder/event-check.ts";
import { SessionReader } from "./reads/session-reader.ts";
import { Recorder } from "./recorder/recorder.ts";
import { EventBuffer } from "./recorder/event-buffer.ts";
import { writeDefinitions } from "./rows/definitions.ts";
import { PROJECTION } from "./rows/feed-position.ts";
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
 * await activity.start();
 * await activity.record(owner, "post_opened", { post: "42" });
 */
export function createActivity<const Declared extends readonly AnyActivity[]>(
  options: ActivitiesOptions<Declared>,
): Activities<Declared> {
  const checked = checkedOptions(options);
  const { database, schema, prepare, bus, activities, queueSize, builds, now, onError: report } = checked;
  const db = createKysely<ActivityTables>(database, prepare ? { schema } : undefined);
  const partitions = new Partitions(db, schema, partitionedTables);
  const check = new EventCheck(activities, now);
  const recorder = new Recorder({ db, schema, partitions, queueSize });
  const reader = new SessionReader({ db, schema, now });
  const archiver = new Archiver({ db, schema, partitions, now });
  const projections = createProjections({
    database,
    projections: [
      project(activityEvents, {
        name: PROJECTION,
        handleBatch: (events, { tx, scan }: ProjectionContext<ActivityTables>) => addEvents(tx, schema, events, scan),
      }),
    ],
    schema,
    now,
    onError: report,
    ...(bus && { bus }),
  });
  const soon = new EventBuffer({ record: (row) => recorder.record(row), size: queueSize, report });
  let stopSweeping = () => Promise.resolve();
  let closing: Promise<void> | undefined;

  const requireOpen = () => {
    if (closing !== undefined) throw new SessionsError("closed", "Try another node.");
  };
  /** Work of the database. A fault holds nothing of the driver's text. */
  const answer = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      requireOpen();
      return await work();
    } catch (error) {
      throw activityFault(error);
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
    adoption: new ActivityAdoption({ database, schema, partitions, now }),
    migrate: () =>
      answer(async () => {
        await migrate(db, schema, activityMigrations(schema));
        await projections.migrate();
        await partitions.ensureAhead(now(), MONTHS_AHEAD);
      }),
    start: () =>
      answer(async () => {
        await checkMigrated(db, schema, activityMigrations(schema));
        await writeDefinitions(db, schema, activities);
        if (!builds) return;
        await projections.start();
        stopSweeping = repeatSweeps(archiver, (error) => report(activityFault(error)));
      }),
    current: (owner, activity) => answer(() => reader.current(owner, activity)),
    list: (owner, activity, page) => answer(() => reader.list(owner, activity, page)),
    counts: (owner, activity, time) => answer(() => reader.counts(owner, activity, time)),
    caughtUp: (given) => answer(() => projections.caughtUp(PROJECTION, "now", given)),
    sweep: (sweepOptions) => answer(() => archiver.sweep(sweepOptions)),
    close: () => (closing ??= close()),
  };

  async function close(): Promise<void> {
    const lost = await soon.close();
    await recorder.drain();
    await stopSweeping();
    await projections.close();
    if (lost > 0) report(new SessionsError("database_unreachable", `${lost} events were not written.`));
    removeClientErrorListeners(database);
  }
}
