import type { Kysely } from "kysely";
import { Committer, QueueFullError, type Write } from "../../postgres/committer.ts";
import type { OwnerConnections } from "../../postgres/connection/owner-connections.ts";
import type { DatabaseKind } from "../../postgres/database.ts";
import { isDataError, isTransient } from "../../postgres/errors.ts";
import type { Telemetry } from "../../telemetry.ts";
import type { NextRevision } from "../rows/stored-session.ts";
import type { Tables } from "../rows/tables.ts";
import type { SessionUpdate, UpdateStatements } from "../rows/update-statements.ts";

/** The most writes in one statement. */
const BATCH_SIZE = 256;

export interface SessionWriterOptions {
  /** With the schema of the tables. */
  readonly db: Kysely<Tables>;
  readonly kind: DatabaseKind;
  readonly updates: UpdateStatements;
  readonly ownerConnections: OwnerConnections;
  readonly telemetry: Telemetry;
  /** The most writes that wait. */
  readonly queueSize: number;
}

/**
 * Writes the next revisions of sessions by compare-and-set. Writes that wait at the same time are sent together. Only a
 * distributed Postgres gets each of them at once, on a connection of its own: a worker that hangs must not hold up the
 * sessions on the other workers.
 */
export class SessionWriter {
  readonly #options: SessionWriterOptions;
  readonly #committer: Committer<SessionUpdate & Write>;
  /** The writes to a distributed Postgres that are not answered. */
  #alone = 0;

  constructor(options: SessionWriterOptions) {
    this.#options = options;
    const { ownerConnections, telemetry, queueSize } = options;
    this.#committer = new Committer({
      commit: (writes) => {
        telemetry.recordBatch(writes.length);
        const attributes = { "sessions.writes": writes.length };
        // The writes belong to many owners, and not only to the owner whose request began the batch.
        return ownerConnections.run(() => telemetry.span("sessions.commit", attributes, () => this.#send(writes)));
      },
      isTransient,
      isFaultOfOneWrite: isDataError,
      batchSize: BATCH_SIZE,
      queueSize,
    });
  }

  /** How many writes wait. */
  get queued(): number {
    return this.#committer.depth + this.#alone;
  }

  /** Writes a session's next revision. False when another writer came first. @throws {QueueFullError} */
  write(owner: string, next: NextRevision): Promise<boolean> {
    if (this.#options.kind === "citus") return this.#writeAlone({ owner, ...next });
    return this.#committer.commit({ key: `${owner} ${next.stored.snapshot.id}`, owner, ...next });
  }

  async #writeAlone(update: SessionUpdate): Promise<boolean> {
    const { db, updates, telemetry, queueSize } = this.#options;
    if (this.#alone >= queueSize) throw new QueueFullError();
    this.#alone += 1;
    telemetry.recordBatch(1);
    try {
      return await telemetry.span("sessions.commit", { "sessions.writes": 1 }, () => updates.writeOne(db, update));
    } finally {
      this.#alone -= 1;
    }
  }

  /** One PostgreSQL gets one statement. A PGlite gets a statement for each session, on one connection. */
  async #send(writes: readonly SessionUpdate[]): Promise<readonly boolean[]> {
    const { db, kind, updates } = this.#options;
    const [first, second] = writes;
    if (first !== undefined && second === undefined) return [await updates.writeOne(db, first)];
    if (kind === "postgres") return updates.writeMany(db, writes);
    return db.connection().execute(async (connection) => {
      const made: boolean[] = [];
      for (const write of writes) made.push(await updates.writeOne(connection, write));
      return made;
    });
  }
}
