import type { Kysely } from "kysely";
import { endsAt } from "../lifetime.ts";
import type { StoredSignIn } from "../rows/stored-sign-in.ts";
import type { SignInTables } from "../rows/tables.ts";
import { TouchStatements, type Touch } from "../rows/touch-statements.ts";
import type { KeeperContext } from "./context.ts";
import { signInFault } from "./transactions/database-limit.ts";

/** How long touches are collected before they are written, in milliseconds. */
export const COLLECT_MS = 1_000;
/** The most touches in one statement. */
const BATCH_SIZE = 1_000;
/** The most touches that wait. Above it the oldest are given up: the slack covers one that is missing. */
const MAX_WAITING = 100_000;
/** How often a touch is tried whose row was locked, or is gone. */
const MAX_ATTEMPTS = 3;

interface Waiting extends Touch {
  readonly attempts: number;
}

/** Notes uses of sign-ins, and writes them together, at most once in `touchMs` for each. No request waits for it. */
export class Touches {
  readonly #context: KeeperContext;
  readonly #db: Kysely<SignInTables>;
  readonly #statements: TouchStatements;
  #waiting = new Map<string, Waiting>();
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | undefined;
  #isFailing = false;

  constructor(context: KeeperContext) {
    this.#context = context;
    this.#db = context.db.withSchema(context.schema);
    this.#statements = new TouchStatements(context.schema);
  }

  /** Notes a use now, if the last one that was noted is old enough. Gives the sign-in with it. */
  note<SignIn extends StoredSignIn>(signIn: SignIn, nowMs: number): SignIn {
    const { touchMs, lifetime } = this.#context;
    if (nowMs - signIn.lastUsedMs < touchMs) return signIn;
    const { owner, id } = signIn;
    const endsMs = Math.max(signIn.endsMs, endsAt(lifetime, { ...signIn, lastUsedMs: nowMs }));
    this.#wait({ owner, id, lastUsedMs: nowMs, endsMs, unlessAfterMs: nowMs - touchMs, attempts: 1 });
    return { ...signIn, lastUsedMs: nowMs, endsMs };
  }

  /** Writes what waits, as far as the database takes it. */
  async write(): Promise<void> {
    do await this.#run();
    while (this.#waiting.size > 0 && !this.#isFailing);
  }

  async close(): Promise<void> {
    await this.write();
    clearTimeout(this.#timer);
  }

  #wait(touch: Waiting): void {
    this.#waiting.set(touch.id, touch);
    if (this.#waiting.size > MAX_WAITING) {
      const [oldest] = this.#waiting.keys();
      this.#waiting.delete(oldest!);
    }
    this.#runLater();
  }

  /** The timer does not keep the process alive. */
  #runLater(): void {
    if (this.#waiting.size > 0) this.#timer ??= setTimeout(() => void this.#run(), COLLECT_MS).unref();
  }

  #run(): Promise<void> {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
      this.#runLater();
    });
    return this.#writing;
  }

  async #write(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const touches = [...this.#waiting.values()];
    this.#waiting = new Map();
    try {
      while (touches.length > 0) await this.#writeBatch(touches.splice(0, BATCH_SIZE), touches);
      this.#isFailing = false;
    } catch (error) {
      // An outage is reported once.
      if (!this.#isFailing) this.#context.report(signInFault(error));
      this.#isFailing = true;
    }
  }

  async #writeBatch(batch: readonly Waiting[], rest: readonly Waiting[]): Promise<void> {
    let written: readonly boolean[];
    try {
      written = await this.#send(batch);
    } catch (error) {
      for (const touch of [...batch, ...rest]) this.#waitAgain(touch);
      throw error;
    }
    for (const [index, touch] of batch.entries()) {
      if (written[index]) continue;
      if (touch.attempts < MAX_ATTEMPTS) this.#waitAgain({ ...touch, attempts: touch.attempts + 1 });
      // The next use reads the row again, and is noted.
      else this.#context.cache.drop(touch.id);
    }
  }

  #waitAgain(touch: Waiting): void {
    if (!this.#waiting.has(touch.id)) this.#waiting.set(touch.id, touch);
  }

  /** One PostgreSQL gets one statement. The other kinds get one for each row. */
  async #send(batch: readonly Touch[]): Promise<readonly boolean[]> {
    if (this.#context.databaseKind === "postgres") return this.#statements.touchMany(this.#db, batch);
    const written: boolean[] = [];
    for (const touch of batch) written.push(await this.#statements.touchOne(this.#db, touch));
    return written;
  }
}
