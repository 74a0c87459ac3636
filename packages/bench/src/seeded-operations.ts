import type { Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { PROTOCOL_VERSION } from "@sessions/core/internal";
import { createActivity, count, defineActivity } from "@sessions/server/activity";
import { createFunnels } from "@sessions/server/funnels";
import { createProjections } from "@sessions/server/projections";
import { createSignIns } from "@sessions/server/sign-in";
import { z } from "zod";
import { createNode } from "./servers/application.ts";
import { inputs, transfer } from "./servers/flow.ts";
import { ourIdentity } from "./servers/identity-checks.ts";
import { fillMonths } from "./seeded-months.ts";
import { fillSignIns } from "./seeded-sign-ins.ts";

/** How many ended sessions each owner has. */
const SESSIONS_PER_OWNER = 100;
/** How many sessions are open. */
const OPEN = 50_000;
/** How many steps, and how many versions, the counted flow has. */
const [STEPS, VERSIONS] = [12, 8];

const reading = defineActivity({
  name: "reading",
  gap: "1h",
  events: { post_opened: z.object({ post: z.string() }) },
  counts: { posts: count("post_opened") },
});

/** What the pages ask for. */
export interface SeededOperations {
  /** An owner with ended sessions, sign-ins and activity sessions. */
  readonly owner: string;
  /** An ended session of somebody, with its history. */
  readonly session: string;
}

/**
 * Fills all tables that operators look at: ended sessions and sign-ins of two years with their histories, activity
 * sessions, open sessions, and the sums of funnels. The rows are copies of a real one. A projection has not read them.
 */
export async function fillOperations(pool: Pool, ended: number): Promise<SeededOperations> {
  const node = createNode(pool);
  const signIns = createSignIns({ database: pool, sweeps: false });
  const funnels = createFunnels({ database: pool, flows: [transfer] });
  const projections = createProjections({ database: pool, projections: [funnels.projection] });
  const activity = createActivity({ database: pool, activities: [reading] });
  for (const { migrate } of [node, signIns, projections, funnels, activity]) await migrate();
  await projections.start();
  await activity.start();

  const session = await completeOne(node, "person-0");
  await activity.record("person-0", "post_opened", { post: "1" });
  await activity.caughtUp();
  await projections.caughtUp("funnels", "now");
  const { signIn } = ourIdentity(signIns);
  await signIn(1);
  await signIns.endAll("person-0");
  await Promise.all([projections.close(), activity.close(), node.close()]);

  await fillSignIns(pool, ended);
  await fillSessions(pool, ended);
  await fillSums(pool);
  await signIn(16);
  await signIns.close();
  await pool.query("vacuum analyze");
  await pool.query("checkpoint");
  return { owner: "person-0", session };
}

async function completeOne(node: ReturnType<typeof createNode>, owner: string): Promise<string> {
  const session = uuidv7();
  const one = { session, version: transfer.version };
  const seen: Record<string, string | null> = {};
  const submits = Object.entries({ ...inputs, review: { accepted: true } }).map(([step, input]) => {
    const id = uuidv7();
    return { ...one, kind: "submit" as const, id, step, input, seen: { [step]: seen[step] ?? null } };
  });
  const start = { ...one, kind: "start" as const, id: uuidv7(), flow: transfer.name };
  const device = { id: uuidv7(), name: "Chrome on Linux" };
  const push = { protocol: PROTOCOL_VERSION, device, commands: [start, ...submits] };
  const { outcomes } = await node.router.createCaller({ user: owner }).push(push);
  if (outcomes.some(({ status }) => status !== "accepted")) throw new Error("The session was not completed.");
  return session;
}

async function fillSessions(pool: Pool, ended: number): Promise<void> {
  const owner = `'person-' || (n % ${Math.max(1, ended / SESSIONS_PER_OWNER)})`;
  const id = "md5('session ' || n)::uuid";
  await pool.query("create table one_ended as select * from sessions.session_archive limit 1");
  await pool.query("create table its_entries as select * from sessions.session_event");
  await pool.query("create table one_visit as select * from sessions.activity_session limit 1");
  await fillMonths(pool, ended, [
    {
      name: "session_archive",
      columns: "owner_id, id, flow, version, revision, status, state, receipts, entry, hash, ended_at",
      values: `${owner}, ${id}, flow, version, revision, status, state, receipts, entry, hash, past`,
      from: "one_ended",
    },
    {
      name: "session_event",
      columns: "owner_id, session_id, entry, revision, at, body, hash",
      values: `${owner}, ${id}, entry, revision, past, body, hash`,
      from: "its_entries",
    },
    {
      name: "activity_session_archive",
      columns: "owner_id, activity, started_at, last_at, events, counts",
      values: `${owner}, activity, past, past, events, counts`,
      from: "one_visit",
    },
  ]);
  await pool.query(
    `insert into sessions.session
       (owner_id, id, flow, version, revision, state, receipts, entry, hash, expires_at, expires_bucket)
     select 'person-' || n, uuidv7(), flow, version, revision, state, receipts, entry, hash,
       now() + interval '1 day', date_trunc('hour', now() + interval '1 day')
     from generate_series(1, $1::int) as n, one_ended`,
    [OPEN],
  );
  await pool.query("drop table one_ended, its_entries, one_visit");
}

/** The sums of a flow with many steps and versions, over two years. */
async function fillSums(pool: Pool): Promise<void> {
  const places = `
    from generate_series(1, ${VERSIONS}) as version,
      generate_series(date_trunc('month', now()) - interval '23 months', now(), '1 month') as month`;
  const steps = `${places}, generate_series(1, ${STEPS}) as step`;
  await pool.query(`
    insert into sessions.funnel_count (flow, version, month, step, counted, n, took_ms)
    select 'loan', version, month::date, 'step ' || step, counted, 1000 - step, 1000000
    ${steps}, unnest(array['entered', 'submitted', 'corrected', 'cancelled', 'expired', 'lifted_out']) as counted
    union all
    select 'loan', version, month::date, '', counted, 1000, 1000000
    ${places}, unnest(array['started', 'completed', 'completed_elsewhere', 'cancelled', 'expired', 'lifted_in']) as counted`);
  await pool.query(`
    insert into sessions.funnel_duration (flow, version, month, step, below_s, n)
    select 'loan', version, month::date, 'step ' || step, 1 << power, 10 ${steps}, generate_series(0, 15) as power`);
  await pool.query(`
    insert into sessions.refusal_count (flow, version, month, step, code, n)
    select 'loan', version, month::date, 'step ' || step, code, 10
    ${steps}, unnest(array['invalid_input', 'conflict', 'rejected', 'limit_reached']) as code`);
}
