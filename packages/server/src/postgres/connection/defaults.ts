import { CompiledQuery, type DatabaseConnection, type Driver } from "kysely";
import { SessionsError } from "@sessions/core";
import { inTransaction } from "./transaction.ts";

/** How long what was asked of a database's defaults is believed, in milliseconds. */
const BELIEVED_MS = 60_000;

/** How long one of our transactions may wait for this process, where a default bounds it, in milliseconds. */
const IDLE_MS = 60_000;

/** What a statement gets where nobody says otherwise: by server, database, role or connection. */
export interface Defaults {
  /** Whether a statement on its own is as it has to be: at read committed, writing, durable and patient. */
  readonly fit: boolean;
  readonly readOnly: boolean;
  /** What each transaction has to set otherwise. */
  readonly settings: readonly (readonly [name: string, value: string])[];
  /** Whether the driver begins a transaction at the level that it is told. */
  readonly obedient: boolean;
}

/** In a transaction that was begun at repeatable read. */
const ask = `
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

/** A database's defaults, asked for on a connection of it, and believed for a while. */
export class KnownDefaults {
  readonly #driver: Driver;
  #asked: { readonly atMs: number; readonly defaults: Promise<Defaults> } | undefined;

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  async on(connection: DatabaseConnection): Promise<Defaults> {
    const nowMs = performance.now();
    if (this.#asked === undefined || this.#asked.atMs < nowMs - BELIEVED_MS) {
      this.#asked = { atMs: nowMs, defaults: this.#ask(connection) };
    }
    try {
      return await this.#asked.defaults;
    } catch (error) {
      this.doubt();
      throw error;
    }
  }

  /** Somebody may have changed the defaults. */
  doubt(): void {
    this.#asked = undefined;
  }

  async #ask(connection: DatabaseConnection): Promise<Defaults> {
    const begin = () => this.#driver.beginTransaction(connection, { isolationLevel: "repeatable read" });
    const { rows } = await inTransaction(this.#driver, connection, begin, () =>
      connection.executeQuery<Record<string, string>>(CompiledQuery.raw(ask)),
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
    // In the second of them bytes are as they were sent.
    if (!/^(UTF8|SQL_ASCII)$/.test(encoding) || client !== "UTF8") {
      throw new SessionsError(
        "configuration_invalid",
        `Not all that people type fits into ${client === "UTF8" ? `a database whose encoding is ${encoding}: create it with` : `a connection whose \`client_encoding\` is ${client}: give it`} UTF8.`,
      );
    }
    // A replica cannot be written to; what is read there is read as it is.
    const readOnly = readonly === "on" && replica !== "true";
    const settings: [string, string][] = [];
    if (synchronous === "off") settings.push(["synchronous_commit", "on"]);
    if (lock !== "0") settings.push(["lock_timeout", "0"]);
    if (whole !== "0") settings.push(["transaction_timeout", "0"]);
    const fit = isolation === "read committed" && !readOnly && settings.length === 0;
    if (idle !== "0") settings.push(["idle_in_transaction_session_timeout", String(IDLE_MS)]);
    return { fit, readOnly, settings, obedient: level === "repeatable read" };
  }
}

/** Whether a default that is another by now may be why a statement failed: its level, its right to write, its patience. */
export function tellsOfDefaults(error: unknown): boolean {
  return /^(40001|25006|55P03)$/.test(String((error as { code?: unknown } | null)?.code));
}
