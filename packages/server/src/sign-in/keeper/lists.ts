import { loadEpoch } from "../rows/epoch.ts";
import { listHistory, type HistoryPosition } from "../rows/history.ts";
import { listLive, type LivePosition } from "../rows/live.ts";
import type { KeeperContext } from "./context.ts";
import { summaryOf } from "./live-sign-in.ts";
import type { SignInHistoryItem, ListPage, ListPageRequest, SignInSummary } from "./sign-in-keeper.ts";

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 200;

/** A page of an owner's live sign-ins, the newest first. */
export async function listSignIns(
  { db, schema, now, known, lifetime }: KeeperContext,
  owner: string,
  request: ListPageRequest = {},
): Promise<ListPage<SignInSummary>> {
  const limit = limitOf(request);
  const before = livePosition(request.after);
  const ownDb = db.withSchema(schema);
  // A node that has checked no token yet does not know the epoch. The command line never does.
  const epoch = Math.max(known.epoch, await loadEpoch(ownDb));
  const options = { limit: limit + 1, before, nowMs: now(), epoch };
  const rows = await listLive(ownDb, owner, options);
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    rows: page.map((row) => summaryOf(row, lifetime)).filter(({ endsMs }) => endsMs > options.nowMs),
    next: rows.length > limit && last !== undefined ? `${last.sinceMs}_${last.id}` : null,
  };
}

/** A page of what happened to an owner's sign-ins, the newest first. */
export async function listHistoryItems(
  { db, schema }: KeeperContext,
  owner: string,
  request: ListPageRequest = {},
): Promise<ListPage<SignInHistoryItem>> {
  const limit = limitOf(request);
  const before = historyPosition(request.after);
  const entries = await listHistory(db.withSchema(schema), owner, { limit: limit + 1, before });
  const page = entries.slice(0, limit);
  const last = page.at(-1)?.body;
  return {
    rows: page.map(({ body }) => ({
      publicId: body.signIn,
      entry: body.entry,
      kind: body.kind,
      atMs: Date.parse(body.at),
      device: body.device,
      place: body.place,
      factors: body.factors,
      by: body.by,
      signal: body.signal,
    })),
    next: entries.length > limit && last !== undefined ? `${Date.parse(last.at)}_${last.signIn}_${last.entry}` : null,
  };
}

function limitOf({ limit = DEFAULT_LIMIT }: ListPageRequest): number {
  return Math.min(MAX_LIMIT, Math.max(1, Math.trunc(limit)));
}

const uuid = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}";
const livePattern = new RegExp(`^(\\d{1,15})_(${uuid})$`);
const historyPattern = new RegExp(`^(\\d{1,15})_(${uuid})_(\\d{1,9})$`);

/** Null for the start, and for a text that is no position. */
function livePosition(after: string | undefined): LivePosition | null {
  const [, sinceMs, id] = livePattern.exec(after ?? "") ?? [];
  return sinceMs === undefined || id === undefined ? null : { sinceMs: Number(sinceMs), id };
}

function historyPosition(after: string | undefined): HistoryPosition | null {
  const [, atMs, signIn, entry] = historyPattern.exec(after ?? "") ?? [];
  if (atMs === undefined || signIn === undefined) return null;
  return { at: new Date(Number(atMs)).toISOString(), signIn, entry: Number(entry) };
}
