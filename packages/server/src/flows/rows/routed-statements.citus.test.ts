import { v7 as uuidv7 } from "uuid";
import { beforeAll, describe, expect, test } from "vitest";
import { createBank, draft, start, submit, TestClient } from "../../testing/bank.ts";
import { CitusDatabase, citusUrl } from "../../testing/citus/citus-cluster.ts";
import { remoteCommands, transactionsOf, type RoutedStatement } from "../../testing/citus/remote-commands.ts";
import { sendEveryStatement } from "../../testing/statements/every-statement.ts";
import { isHot } from "../../testing/statements/statement-rules.ts";

describe.skipIf(citusUrl === undefined)("on a Citus cluster, whose address CITUS_URL gives", () => {
  const database = new CitusDatabase();

  beforeAll(async () => {
    const pool = database.connect();
    await createBank(pool, { databaseKind: "citus", sweeps: false }).migrate();
    await pool.query(
      `create table ledger (session_id uuid, owner text collate "C", cents integer, reference text, primary key (owner, session_id))`,
    );
    await pool.query("select create_distributed_table('ledger', 'owner', colocate_with => 'sessions.owner')");
  });

  test("a draft is one remote command, a submission four, and a start and a completion commit on one worker", async () => {
    const { config, connections } = remoteCommands();
    const pool = database.connect({ ...config, max: 1 });
    const node = createBank(pool, { databaseKind: "citus", sweeps: false });
    const ada = new TestClient(node, "ada");
    const note = uuidv7();
    await ada.push(start(note, "notes"));
    const { session, review } = await ada.untilReview();
    const commandsOf = async (work: () => Promise<unknown>) => {
      const from = connections[0]!.length;
      await work();
      return transactionsOf(connections[0]!.slice(from)).map((sent) => sent.flatMap(({ commands }) => commands));
    };
    const verbs = (commands: readonly string[]) => commands.map((command) => /^\w+/.exec(command)![0].toUpperCase());

    const drafted = await commandsOf(() => ada.one(draft(note, "middle", "text", "m")));
    expect(drafted.map(verbs)).toEqual([["UPDATE"]]);
    const submitted = await commandsOf(() => ada.one(submit(note, "left", { text: "l" })));
    expect(submitted.map(verbs)).toEqual([["BEGIN", "UPDATE", "INSERT", "COMMIT"]]);
    const begun = await commandsOf(() => ada.one(start(uuidv7(), "notes")));
    const deciding = begun.map(verbs).find((each) => each.includes("BEGIN"))!;
    expect(deciding.filter((verb) => verb !== "SELECT")).toEqual(["BEGIN", "INSERT", "UPDATE", "INSERT", "COMMIT"]);
    const completed = await commandsOf(() => ada.one(review));
    const ending = completed.map(verbs).find((each) => each.includes("DELETE"))!;
    expect(ending.filter((verb) => verb !== "SELECT")).toEqual([
      "BEGIN",
      "INSERT",
      "DELETE",
      "INSERT",
      "INSERT",
      "COMMIT",
    ]);
    expect((await ada.read(session))?.status).toBe("completed");
    await node.close();
  });

  test("every statement of a request is one task on one shard, and only an adoption commits in two phases", async () => {
    const { config, connections } = remoteCommands();
    const pool = database.connect(config);
    await sendEveryStatement(pool, { databaseKind: "citus", owner: "ada", startMs: Date.now() });

    const hot: RoutedStatement[] = [];
    for (const transaction of connections.flatMap(transactionsOf)) {
      const isAdoption = transaction.some(({ text }) => movesToOwner.test(text));
      if (!isAdoption) {
        const commands = transaction.flatMap((statement) => statement.commands);
        expect(
          commands.filter((command) => command.startsWith("PREPARE")),
          textsOf(transaction),
        ).toEqual([]);
      }
      for (const statement of transaction) if (await isHot(statement.text, "sessions")) hot.push(statement);
    }
    for (const { text, commands } of hot) {
      if (movesToOwner.test(text) || isSweep.test(text)) continue;
      const tasks = commands.filter((command) => !command.startsWith("BEGIN"));
      expect(tasks, text).toHaveLength(1);
      expect(tasks.join(), text).not.toMatch(/intermediate_result|COPY/);
    }
    expect(new Set(hot.map(({ text }) => text)).size).toBeGreaterThanOrEqual(30);
    expect(hot.some(({ text }) => isSweep.test(text))).toBe(true);
  });
});

/** An adoption reads the rows of the visitor, and inserts them for the owner, who may be on another worker. */
const movesToOwner = /select \$1::text as "owner_id"/;
/** A sweep looks for due sessions on all shards. */
const isSweep = /"expires_bucket" <= /;

const textsOf = (transaction: readonly RoutedStatement[]) => transaction.map(({ text }) => text).join("; ");
