import type { Pool, PoolClient } from "pg";

/** A pool that runs some work before one statement. */
export interface InterposingPool {
  readonly pool: Pool;
  /** Runs work before the next statement whose text matches: the statement waits for it. */
  before(statement: RegExp, work: () => Promise<unknown>): void;
}

/**
 * A pool over another one.
 *
 * @example
 * const { pool, before } = interposingPool(other);
 * before(/for update/, () => client.one(start(id)));
 */
export function interposingPool(over: Pool): InterposingPool {
  let next: { readonly statement: RegExp; readonly work: () => Promise<unknown> } | undefined;
  const interposed = (client: PoolClient) =>
    new Proxy(client, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name);
        if (typeof member !== "function") return member;
        if (name !== "query") return member.bind(target) as unknown;
        return async (...given: [string | { readonly text: string }, unknown[]?]) => {
          const text = typeof given[0] === "string" ? given[0] : given[0].text;
          if (next?.statement.test(text)) {
            const { work } = next;
            next = undefined;
            await work();
          }
          return member.apply(target, given) as Promise<unknown>;
        };
      },
    });
  const pool = new Proxy(over, {
    get(target, name) {
      if (name === "connect") return async () => interposed(await target.connect());
      const member: unknown = Reflect.get(target, name);
      return typeof member === "function" ? (member.bind(target) as unknown) : member;
    },
  });
  return { pool, before: (statement, work) => (next = { statement, work }) };
}
