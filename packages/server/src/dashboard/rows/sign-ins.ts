import { sql } from "kysely";
import { msOf, timeOf } from "../../postgres/values.ts";
import { tableOf } from "./counts.ts";
import type { DashboardSource } from "./tables.ts";

/** A sign of a stolen or shared token: a request that did not fit its sign-in, or a secret or code that was used twice. */
export interface SignalEntry {
  readonly owner: string;
  readonly signIn: string;
  readonly entry: number;
  readonly atMs: number;
  /** The kind of the signal, or of the end. */
  readonly kind: string;
  readonly device: string;
  readonly place: string | null;
}

/** The place of an entry in the list of signals. */
export interface SignalPosition {
  readonly atMs: number;
  readonly signIn: string;
}

/** A page of the signals of all owners, the newest first. */
export async function listSignals(
  source: DashboardSource,
  { before, limit }: { readonly before: SignalPosition | null; readonly limit: number },
): Promise<readonly SignalEntry[]> {
  const position =
    before === null ? sql`` : sql`and (at, sign_in_id) < (${timeOf(before.atMs)}, ${before.signIn}::uuid)`;
  const { rows } = await sql<{
    owner: string;
    signin: string;
    entry: number;
    moment: string;
    kind: string;
    device: string;
    place: string | null;
  }>`
    select owner_id as owner, sign_in_id::text as signin, entry, ${msOf("at")} as moment,
      coalesce(body ->> 'signal', body ->> 'kind') as kind, body ->> 'device' as device, body ->> 'place' as place
    from ${tableOf(source, "sign_in_event")}
    where body ->> 'kind' in ('signal', 'secret_reused', 'code_reused') ${position}
    order by at desc, sign_in_id desc limit ${limit}::integer`.execute(source.db);
  return rows.map(({ owner, signin, entry, moment, kind, device, place }) => ({
    owner,
    signIn: signin,
    entry: Number(entry),
    atMs: Number(moment),
    kind,
    device,
    place,
  }));
}
