import { Client } from "pg";

/** Counts the statements that this process sends from now on, of those whose text matches. */
export function countStatements(pattern = /(?:)/): { readonly count: () => number; readonly stop: () => void } {
  const { query } = Client.prototype;
  const send = query as (...given: unknown[]) => unknown;
  let sent = 0;
  Client.prototype.query = function counted(this: Client, ...given: unknown[]) {
    const [statement] = given as [string | { readonly text: string }];
    if (pattern.test(typeof statement === "string" ? statement : statement.text)) sent += 1;
    return send.apply(this, given);
  } as typeof query;
  return { count: () => sent, stop: () => (Client.prototype.query = query) };
}
