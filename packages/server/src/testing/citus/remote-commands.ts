import { Client, type PoolConfig } from "pg";

/** A statement, with the commands that the coordinator sent to workers for it. */
export interface RoutedStatement {
  readonly text: string;
  readonly commands: string[];
}

/**
 * The configuration of a pool on a coordinator, whose statements are recorded: those of each connection in their order. The
 * coordinator tells about each command that it sends to a worker. Without `pipeline` one statement runs at a time, so a
 * command belongs to it.
 *
 * @example
 * const { config, connections } = remoteCommands();
 * const pool = database.connect(config);
 */
export function remoteCommands(): { readonly config: PoolConfig; readonly connections: RoutedStatement[][] } {
  const connections: RoutedStatement[][] = [];
  class RecordingClient extends Client {
    readonly #waiting: RoutedStatement[] = [];
    readonly #sent: RoutedStatement[] = [];

    constructor(config: PoolConfig) {
      super(config);
      connections.push(this.#sent);
      this.on("notice", ({ message }) => {
        if (message?.startsWith("issuing ")) this.#waiting[0]?.commands.push(message.slice("issuing ".length));
      });
    }

    // All overloads of the driver end in this one call. Its arguments are passed on unchanged.
    override query = ((...given: unknown[]) => {
      const [query] = given;
      const statement = { text: typeof query === "string" ? query : (query as { text: string }).text, commands: [] };
      this.#sent.push(statement);
      this.#waiting.push(statement);
      const answer = Reflect.apply(Client.prototype.query, this, given) as unknown;
      const answered = () => void this.#waiting.shift();
      if (answer instanceof Promise) answer.then(answered, answered);
      return answer;
    }) as Client["query"];
  }
  const options = "-c citus.log_remote_commands=on -c client_min_messages=notice";
  return { config: { Client: RecordingClient as typeof Client, options }, connections };
}

/** The transactions of a connection, with their `start transaction` and `commit`. A statement alone is a transaction. */
export function transactionsOf(statements: readonly RoutedStatement[]): readonly (readonly RoutedStatement[])[] {
  const transactions: RoutedStatement[][] = [];
  let isOpen = false;
  for (const statement of statements) {
    if (isOpen) transactions.at(-1)!.push(statement);
    else transactions.push([statement]);
    if (/^\s*(begin|start transaction)/i.test(statement.text)) isOpen = true;
    if (/^\s*(commit|rollback)\s*$/i.test(statement.text)) isOpen = false;
  }
  return transactions;
}
