import { CompiledQuery, type DatabaseConnection, type Driver } from "kysely";
import { SessionsError } from "@sessions/core/internal";
import { inTransaction } from "./transaction.ts";

/** How long the defaults of a database are cached, in milliseconds. */
const CACHED_MS = 60_000;

/** How long a transaction may wait for this process, in milliseconds. It is used if a default limits that time. */
const IDLE_MS = 60_000;

/** The settings that a statement has by default: from the server, the database, the role or the connection. */
export interface DefaultSettings {
  /** Whether a statement without a transaction runs as it must: at read committed, with the right to write, durable, and without a limit on waiting. */
  readonly areSuitable: boolean;
  readonly readOnly: boolean;
  /** The settings that each transaction has to change. */
  readonly settings: readonly (readonly [name: string, value: string])[];
  /** Whether the driver begins a transaction at the isolation level that it is given. */
  readonly obeysIsolation: boolean;
}

/** Runs in a transaction that was begun at repeatable read. */
const query = `
  select current_setting('transaction_isolation') as level,
    current_setting('default_transaction_isolation') as isolation,
    current_setting('default_transaction_read_only') as readonly,
    current_setting('synchronous_commit') as synchronous,
    current_setting('lock_timeout') as lock,
    current_setting('idle_in_transaction_session_timeout') as idle,
    coalesce(current_setting('transaction_timeout', true), '0') as whole,
    current_setting('server_encoding') as encoding,
    current_setting('client_encoding') as client,
    pg_is_in_recovery()::text as replica`;

/** The defaults of a database. They are read over one of its connections, and cached for a while. */
export class DefaultSettingsCache {
  readonly #driver: Driver;
  #cached: { readonly atMs: number; readonly defaults: Promise<DefaultSettings> } | undefined;

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  async read(connection: DatabaseConnection): Promise<DefaultSettings> {
    const nowMs = performance.now();
    if (this.#cached === undefined || this.#cached.atMs < nowMs - CACHED_MS) {
      this.#cached = { atMs: nowMs, defaults: this.#query(connection) };
    }
    try {
      return await this.#cached.defaults;
    } catch (error) {
      this.invalidate();
      throw error;
    }
  }

  /** Reads the defaults again next time: they may have changed. */
  invalidate(): void {
    this.#cached = undefined;
  }

  async #query(connection: DatabaseConnection): Promise<DefaultSettings> {
    const begin = () => this.#driver.beginTransaction(connection, { isolationLevel: "repeatable read" });
    const { rows } = await inTransaction(this.#driver, connection, begin, () =>
      connection.executeQuery<Record<string, string>>(CompiledQuery.raw(query)),
    );
    const {
      level,
      isolation,
      readonly,
      synchronous,
      lock,
      idle,
      whole,
      encoding = "",
      client,
      replica,
    } = rows[0] ?? {};
    if (level === undefined) {
      throw new SessionsError(
        "configuration_invalid",
        "`database` renames the columns of results; give it a driver that leaves them as they are.",
      );
    }
    // SQL_ASCII stores the bytes as they were sent.
    if (!/^(UTF8|SQL_ASCII)$/.test(encoding) || client !== "UTF8") {
      throw new SessionsError(
        "configuration_invalid",
        `Not all that people type fits into ${client === "UTF8" ? `a database whose encoding is ${encoding}: create it with` : `a connection whose \`client_encoding\` is ${client}: give it`} UTF8.`,
      );
    }
    // A replica is always read-only, and a transaction that asks for more would fail there.
    const readOnly = readonly === "on" && replica !== "true";
    const settings: [string, string][] = [];
    if (synchronous === "off") settings.push(["synchronous_commit", "on"]);
    if (lock !== "0") settings.push(["lock_timeout", "0"]);
    if (whole !== "0") settings.push(["transaction_timeout", "0"]);
    const areSuitable = isolation === "read committed" && !readOnly && settings.length === 0;
    if (idle !== "0") settings.push(["idle_in_transaction_session_timeout", String(IDLE_MS)]);
    return { areSuitable, readOnly, settings, obeysIsolation: level === "repeatable read" };
  }
}

/** Whether a statement may have failed because a default has changed: the isolation level, the right to write or the limit on waiting. */
export function mayComeFromDefaultSettings(error: unknown): boolean {
  return /^(40001|25006|55P03)$/.test(String((error as { code?: unknown } | null)?.code));
}
