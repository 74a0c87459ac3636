import type { Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { VirtualUsers } from "../virtual-users.ts";
import { createNode } from "../servers/application.ts";
import type { DurablePostgres } from "../servers/database.ts";
import { fillHistory, SINGLE_TABLE, SESSIONS_PER_OWNER } from "../seeded-history.ts";
import type { BenchmarkSize, Measurement } from "../report/result.ts";
import { compareVariants, latency, medianOf, type Variant } from "../rounds.ts";

const PEOPLE = 16;

/** 3: the cost of a submission, a read and a list when there are years of ended sessions. */
export async function measureHistory(postgres: DurablePostgres, size: BenchmarkSize): Promise<Measurement> {
  const variants: Variant[] = [];
  const closing: (() => Promise<void>)[] = [];
  for (const ended of size.histories) {
    const { pool } = await postgres.create(`history_${ended}`);
    const node = createNode(pool);
    await node.migrate();
    closing.push(() => node.close());
    const users = new VirtualUsers(node, PEOPLE, "owner");
    await users.begin(PEOPLE, 8);
    const snapshot = await users.snapshotAfter(0);
    const session = snapshot.id;
    await fillHistory(pool, snapshot, ended);
    variants.push(...ours(users, node, session, ended, size), ...(await oneTable(pool, ended, size)));
    await pool.query("checkpoint");
  }
  const rows = await compareVariants(variants, size.rounds + 2);
  for (const close of closing) await close();

  const most = Math.max(...size.histories);
  const growth = (what: string) => medianOf(rows, what, most) / medianOf(rows, what, 0);
  const name = most.toLocaleString("en");
  return {
    name: "history",
    title: "The cost of history",
    how:
      "The median latency of one caller. Databases of all sizes exist at the same time, and are measured in turns. Ended sessions " +
      `are spread over two years. Each owner has ${SESSIONS_PER_OWNER} of them, and the caller too. The one-table design has a random uuid as its ` +
      "key, and an index on user and `updated_at`. It keeps ended rows in place, and writes no history.",
    rows,
    ratios: [
      { what: `submit at ${name} ÷ at none`, value: growth("submit"), target: { atMost: 1.05 } },
      { what: `submit at ${name} ÷ at none, one table`, value: growth("submit, one table") },
      { what: `read at ${name} ÷ at none`, value: growth("read") },
      { what: `list at ${name} ÷ at none`, value: growth("list") },
    ],
  };
}

function ours(
  users: VirtualUsers,
  node: ReturnType<typeof createNode>,
  session: string,
  ended: number,
  { roundMs }: BenchmarkSize,
): readonly Variant[] {
  const caller = node.router.createCaller({ user: users.all[0]!.owner });
  let next = 0;
  const submit = () => users.submit((next = (next + 1) % PEOPLE));
  const each = { at: ended, unit: "µs" };
  return [
    {
      ...each,
      what: "submit",
      prepare: () => users.begin(PEOPLE, Math.ceil((roundMs * 4) / PEOPLE)),
      round: () => latency(roundMs / 2, submit),
    },
    { ...each, what: "read", round: () => latency(roundMs / 4, () => caller.read({ session })) },
    {
      ...each,
      what: "list",
      round: () => latency(roundMs / 4, () => caller.list({ flow: null, limit: 20, after: null })),
    },
  ];
}

async function oneTable(pool: Pool, ended: number, { roundMs }: BenchmarkSize): Promise<readonly Variant[]> {
  const { rows: active } = await pool.query<{ id: string; user_id: string; state: unknown }>(
    `select id, user_id, state from ${SINGLE_TABLE} where status = 'active' limit 1000`,
  );
  let next = 0;
  const pick = () => active[(next = (next + 1) % active.length)]!;
  const submit = () => {
    const { id, state } = pick();
    return pool.query({
      name: "submit",
      text: `update ${SINGLE_TABLE} set state = $2, revision = revision + 1, last_command = $3, updated_at = now() where id = $1 returning revision`,
      values: [id, JSON.stringify(state), uuidv7()],
    });
  };
  const read = () =>
    pool.query({ name: "read", text: `select * from ${SINGLE_TABLE} where id = $1`, values: [pick().id] });
  const list = () =>
    pool.query({
      name: "list",
      text: `select * from ${SINGLE_TABLE} where user_id = $1 order by updated_at desc limit 20`,
      values: [pick().user_id],
    });
  const each = { at: ended, unit: "µs" };
  return [
    { ...each, what: "submit, one table", round: () => latency(roundMs / 2, submit) },
    { ...each, what: "read, one table", round: () => latency(roundMs / 4, read) },
    { ...each, what: "list, one table", round: () => latency(roundMs / 4, list) },
  ];
}
