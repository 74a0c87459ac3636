import { sql } from "kysely";
import type { Migration } from "kysely/migration";
import { Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { afterAll, expect, test } from "vitest";
import type { Command } from "@sessions/core/internal";
import { createKysely } from "../postgres/database.ts";
import { migrate } from "../postgres/migrations.ts";
import { sessionMigrations } from "./rows/migrations.ts";
import type { Tables } from "./rows/tables.ts";
import { createBank, createLedger, draft, start, submit, TestClient, type LedgerRow } from "../testing/bank.ts";
import { freshDatabase } from "../testing/postgres.ts";
import type { Answered } from "../testing/crash/caller.ts";
import { breaches } from "../testing/crash/checker.ts";

const { pool, url } = await freshDatabase();
const pools = Array.from({ length: 3 }, () => new Pool({ connectionString: url, max: 5 }));
const nodes = pools.map((each) => createBank(each, { sweeps: false }));
afterAll(() => Promise.all(pools.map((each) => each.end())));

/** What a later version might bring: a column that old nodes know nothing of, filled for every row, and an index. */
const second: Migration = {
  async up(db) {
    await sql`alter table sessions.session add column channel text`.execute(db);
    await sql`update sessions.session set channel = 'web'`.execute(db);
    await sql`create index session_archive_by_flow on sessions.session_archive (owner_id, flow, id)`.execute(db);
  },
};

test(
  "an upgrade of the schema by four new nodes at once fails no command of the old ones, and loses none",
  { timeout: 60_000 },
  async () => {
    await nodes[0]!.migrate();
    await createLedger(pool);
    const log: Answered[] = [];
    const writing = new AbortController();
    const answered = { count: 0, wake: () => {} };
    const writers = nodes.flatMap((node) =>
      Array.from({ length: 3 }, async () => {
        const owner = uuidv7();
        const teller = new TestClient(node, owner);
        const push = async (...commands: Command[]) => {
          const { outcomes } = await teller.push(...commands);
          log.push(...commands.map((command, index) => ({ owner, command, outcome: outcomes[index]! })));
          answered.count += commands.length;
          answered.wake();
        };
        while (!writing.signal.aborted) {
          const session = uuidv7();
          const recipient = submit(session, "recipient", { name: "Grace", iban: "BE71096123456769" });
          const amount = submit(session, "amount", { cents: 100 });
          const seen = { review: null, recipient: recipient.id, amount: amount.id };
          await push(start(session), recipient, amount, submit(session, "review", { accepted: true }, seen));
          const note = uuidv7();
          await push(start(note, "notes"), submit(note, "left", { text: "l" }));
          await push(draft(note, "right", "field", 1));
        }
      }),
    );
    const more = async (count: number) => {
      const enough = answered.count + count;
      while (answered.count < enough) await new Promise<void>((resolve) => (answered.wake = resolve));
    };

    await more(300);
    const first = sessionMigrations("sessions");
    const migrations = { ...first, steps: { ...first.steps, "0002_second": second } };
    await Promise.all(pools.concat(pool).map((each) => migrate(createKysely<Tables>(each), "sessions", migrations)));
    await more(300);
    writing.abort();
    await Promise.all(writers);

    const { rows } = await pool.query("select count(*)::int as filled from sessions.session where channel = 'web'");
    expect(rows).not.toEqual([{ filled: 0 }]);
    const { rows: ledger } = await pool.query<LedgerRow>("select session_id, owner from ledger");
    expect(await breaches({ db: createKysely<Tables>(pool).withSchema("sessions"), ledger, log, atMost: 20 })).toEqual(
      [],
    );
    const codes = log.flatMap(({ outcome }) => (outcome.status === "refused" ? [outcome.refusal.code] : []));
    expect(codes.filter((code) => !/^(limit_reached|not_found)$/.test(code))).toEqual([]);
    await expect(nodes[0]!.check()).rejects.toMatchObject({ code: "database_newer" });
  },
);
