import type * as pgliteModule from "@electric-sql/pglite";
import type { QuerySync } from "./synchronous-dialect.ts";

/**
 * Asks a PGlite without waiting for its lock. Nothing else may use this PGlite. Each text is prepared once: the texts of
 * the statements are few.
 */
export function queriesOf(pglite: pgliteModule.PGlite, { protocol, parse, types }: typeof pgliteModule): QuerySync {
  const { serialize, Parser } = protocol;
  const statements = new Map<string, string>();
  let prepared = 0;
  return <Row>(text: string, values: readonly unknown[]) => {
    // The statements of this package have no other values.
    const texts = (values as readonly (string | number | null)[]).map((value) =>
      value === null ? null : String(value),
    );
    const known = statements.get(text);
    const statement = known ?? `s${(prepared += 1)}`;
    const answer = pglite.execProtocolRawSync(
      Buffer.concat([
        ...(known === undefined ? [serialize.parse({ name: statement, text })] : []),
        serialize.bind({ statement, values: texts }),
        serialize.describe({ type: "P" }),
        serialize.execute({}),
        serialize.sync(),
      ]),
    );
    const messages: Parameters<typeof parse.parseResults>[0] = [];
    new Parser().parse(answer, (message) => messages.push(message));
    const error = messages.find((message) => message instanceof Error);
    if (error !== undefined) throw error;
    statements.set(text, statement);
    return parse.parseResults(messages, types.parsers)[0]!.rows as Row[];
  };
}
