import { sql } from "kysely";
import { msOf, timeOf } from "../../postgres/values.ts";
import { tableOf } from "./counts.ts";
import { numberOrNull } from "./number-or-null.ts";
import type { DashboardSource } from "./tables.ts";

/** A session without anything that a person typed. */
export interface SessionSummary {
  readonly id: string;
  readonly flow: string;
  readonly version: number;
  readonly revision: number;
  readonly entries: number;
  readonly status: string;
  readonly device: string;
  readonly startedMs: number | null;
  readonly updatedMs: number | null;
  /** When it expires; for an ended one, when it ended. */
  readonly endsMs: number;
}

interface SummaryRow {
  readonly session: string;
  readonly flow: string;
  readonly version: number;
  readonly revision: number;
  readonly entry: number;
  readonly status: string;
  readonly device: string | null;
  readonly started: string | null;
  readonly updated: string | null;
  readonly ends: string;
}

const shared = sql`id::text as session, flow, version, revision, entry, state -> 'device' ->> 'name' as device,
  state ->> 'startedAt' as started, state ->> 'updatedAt' as updated`;

/** The owner of a session; null if there is none. It looks at each month's index of beginnings. */
export async function findOwner(source: DashboardSource, session: string): Promise<string | null> {
  const { rows } = await sql<{ owner: string }>`
    select owner_id as owner from ${tableOf(source, "session_event")}
    where entry = 1 and session_id = ${session}::uuid limit 1`.execute(source.db);
  return rows[0]?.owner ?? null;
}

export async function loadSummary(source: DashboardSource, owner: string, id: string): Promise<SessionSummary | null> {
  const { rows } = await sql<SummaryRow>`
    select ${shared}, 'active' as status, ${msOf("expires_at")} as ends
    from ${tableOf(source, "session")} where owner_id = ${owner} and id = ${id}::uuid
    union all
    select ${shared}, status, ${msOf("ended_at")} as ends
    from ${tableOf(source, "session_archive")} where owner_id = ${owner} and id = ${id}::uuid
    limit 1`.execute(source.db);
  return rows[0] ? summaryOf(rows[0]) : null;
}

/** A page of an owner's active sessions, the newest ids first. */
export async function listActiveSummaries(
  source: DashboardSource,
  owner: string,
  { after, limit }: { readonly after: string | null; readonly limit: number },
): Promise<readonly SessionSummary[]> {
  const { rows } = await sql<SummaryRow>`
    select ${shared}, 'active' as status, ${msOf("expires_at")} as ends
    from ${tableOf(source, "session")}
    where owner_id = ${owner} ${after === null ? sql`` : sql`and id < ${after}::uuid`}
    order by id desc limit ${limit}::integer`.execute(source.db);
  return rows.map(summaryOf);
}

/** A page of an owner's ended sessions, the newest first: those before the position `after`. */
export async function listEndedSummaries(
  source: DashboardSource,
  owner: string,
  {
    after,
    limit,
  }: { readonly after: { readonly endedMs: number; readonly id: string } | null; readonly limit: number },
): Promise<readonly SessionSummary[]> {
  const position = after === null ? sql`` : sql`and (ended_at, id) < (${timeOf(after.endedMs)}, ${after.id}::uuid)`;
  const { rows } = await sql<SummaryRow>`
    select ${shared}, status, ${msOf("ended_at")} as ends
    from ${tableOf(source, "session_archive")}
    where owner_id = ${owner} ${position}
    order by ended_at desc, id desc limit ${limit}::integer`.execute(source.db);
  return rows.map(summaryOf);
}

/** An entry of a session's history, without anything that a person typed. */
export interface TimelineEntry {
  readonly entry: number;
  readonly revision: number;
  readonly atMs: number;
  readonly kind: string;
  /** The step of a submission; null for another entry. */
  readonly step: string | null;
  readonly status: string;
  readonly version: number;
  readonly device: string;
}

/** A page of a session's history, from its start. */
export async function listTimeline(
  source: DashboardSource,
  owner: string,
  session: string,
  { after, limit }: { readonly after: number; readonly limit: number },
): Promise<readonly TimelineEntry[]> {
  const { rows } = await sql<{
    entry: number;
    revision: number;
    moment: string;
    kind: string;
    step: string | null;
    status: string;
    version: string;
    device: string | null;
  }>`
    select entry, revision, ${msOf("at")} as moment, body -> 'change' ->> 'kind' as kind,
      body -> 'change' ->> 'step' as step, body ->> 'status' as status, body ->> 'version' as version,
      content ->> 'device' as device
    from ${tableOf(source, "session_event")}
    where owner_id = ${owner} and session_id = ${session}::uuid and entry > ${after}::integer
    order by entry limit ${limit}::integer`.execute(source.db);
  return rows.map(({ entry, revision, moment, version, device, ...rest }) => ({
    ...rest,
    entry: Number(entry),
    revision: Number(revision),
    atMs: Number(moment),
    version: Number(version),
    device: device ?? "",
  }));
}

function summaryOf(row: SummaryRow): SessionSummary {
  return {
    id: row.session,
    flow: row.flow,
    version: Number(row.version),
    revision: Number(row.revision),
    entries: Number(row.entry),
    status: row.status,
    device: row.device ?? "",
    startedMs: numberOrNull(row.started === null ? null : Date.parse(row.started)),
    updatedMs: numberOrNull(row.updated === null ? null : Date.parse(row.updated)),
    endsMs: Number(row.ends),
  };
}
