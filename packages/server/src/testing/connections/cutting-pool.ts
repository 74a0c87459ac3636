import { Client, Pool, type PoolConfig } from "pg";

/** A pool whose connections can be lost at a statement. */
export interface CuttingPool {
  readonly pool: Pool;
  /**
   * Loses the connection at the next statement that matches: before Postgres gets it, or after it was executed and before
   * the answer arrives. The caller sees the same.
   */
  cutAt(statement: Pick<RegExp, "test">, when: "before" | "after"): void;
  /** How many connections were lost so. */
  readonly cuts: number;
}

export function cuttingPool(config: PoolConfig): CuttingPool {
  let next: { readonly statement: Pick<RegExp, "test">; readonly when: "before" | "after" } | undefined;
  let cuts = 0;
  class CuttingClient extends Client {
    // All overloads of the driver end in this one call. Its arguments are passed on unchanged.
    override query = ((...given: unknown[]) => {
      const send = () => Reflect.apply(Client.prototype.query, this, given) as Promise<unknown>;
      const [query] = given;
      const text = typeof query === "string" ? query : (query as { readonly text: string }).text;
      if (next === undefined || !next.statement.test(text)) return send();
      const { when } = next;
      next = undefined;
      cuts += 1;
      return this.#lose(when === "after" ? send() : Promise.resolve());
    }) as Client["query"];

    async #lose(sent: Promise<unknown>): Promise<never> {
      await sent;
      const { stream } = (this as unknown as { connection: { stream: { destroy(): void } } }).connection;
      stream.destroy();
      throw Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" });
    }
  }
  const pool = new Pool({ ...config, Client: CuttingClient });
  pool.on("error", () => {});
  return {
    pool,
    cutAt: (statement, when) => (next = { statement, when }),
    get cuts() {
      return cuts;
    },
  };
}
