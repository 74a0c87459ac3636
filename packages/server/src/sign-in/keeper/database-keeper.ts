import { randomBytes } from "node:crypto";
import { sql } from "kysely";
import { SessionsError } from "@sessions/core/internal";
import type { Bus } from "../../bus/bus.ts";
import { removeClientErrorListeners } from "../../postgres/connection/client-errors.ts";
import { KeyedQueue } from "../../postgres/connection/keyed-queue.ts";
import { createKysely, databaseKindOf, type Database, type DatabaseKind } from "../../postgres/database.ts";
import { checkMigrated, migrate } from "../../postgres/migrations.ts";
import { Partitions } from "../../postgres/partitions.ts";
import { repeatSweeps } from "../../repeated-sweeps.ts";
import type { Lifetime } from "../lifetime.ts";
import { signInMigrations } from "../rows/migrations.ts";
import { partitionedSignInTables, type SignInTables } from "../rows/tables.ts";
import { Archiver } from "./ends/archiver.ts";
import { Adoptions } from "./adoptions.ts";
import { Bindings } from "./bindings.ts";
import { Beginnings } from "./beginnings.ts";
import { Invalidations } from "./cache/invalidations.ts";
import { CHECK_MS, TokenChecks } from "./token-checks.ts";
import type { KeeperContext, SignInLimit } from "./context.ts";
import { changeData, listDataConflicts, readData } from "./data.ts";
import { signInFault, withDatabaseLimit } from "./transactions/database-limit.ts";
import { SignInEnder } from "./ends/sign-in-ender.ts";
import { KnownChanges } from "./cache/known-changes.ts";
import { defaultRequestLimits, GuestRequests, type RequestLimits } from "./hand-offs/guest-requests.ts";
import { LetterOffers } from "./hand-offs/letter-offers.ts";
import { listHistoryItems, listSignIns } from "./lists.ts";
import { SignInCache } from "./cache/sign-in-cache.ts";
import type { SignInKeeper } from "./sign-in-keeper.ts";
import { noteSignal } from "./signal-entry.ts";
import { SignInSweeper } from "./ends/sweeper.ts";
import { COLLECT_MS, Touches } from "./touches.ts";
import { KnownPartitions } from "./transactions/known-partitions.ts";

/** How long the database may take for a change or a list, in milliseconds. Others of the same owner may hold its lock. */
const CHANGE_MS = 10_000;

/** How many months of partitions `migrate` makes ahead. */
const MONTHS_AHEAD = 3;

/** The ids that lists show. Another text is the id of nothing. */
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

export interface SignInKeeperOptions {
  readonly database: Database;
  readonly databaseKind?: DatabaseKind | undefined;
  readonly schema: string;
  readonly prepare?: boolean | undefined;
  readonly bus?: Bus | undefined;
  readonly lifetime: Lifetime;
  readonly rotateMs: number;
  readonly atMost: SignInLimit;
  /** How long a node believes its cache after it has looked at what others changed, in milliseconds. */
  readonly leaseMs: number;
  readonly requestLimits?: RequestLimits | undefined;
  /** How many entries of a visitor's histories one transaction moves to the owner. */
  readonly entriesAtOnce?: number | undefined;
  readonly cacheBytes: number;
  readonly sweeps?: boolean | undefined;
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: (() => number) | undefined;
  /** A clock that never goes back, in milliseconds. Default: the process's own. */
  readonly elapsedMs?: (() => number) | undefined;
  readonly random?: ((bytes: number) => Uint8Array) | undefined;
  readonly report: (error: SessionsError) => void;
}

export function createSignInKeeper(options: SignInKeeperOptions): SignInKeeper {
  const { database, schema, lifetime, report, now = Date.now, elapsedMs = () => performance.now() } = options;
  const db = createKysely<SignInTables>(database, options.prepare === false ? undefined : { schema });
  const partitions = new Partitions(db, schema, partitionedSignInTables);
  const context: KeeperContext = {
    db,
    schema,
    databaseKind: options.databaseKind ?? databaseKindOf(database),
    partitions: new KnownPartitions(partitions),
    // A touch reaches its row a little later than it is noted.
    lifetime: { ...lifetime, slackMs: lifetime.slackMs + 5 * COLLECT_MS },
    touchMs: lifetime.slackMs,
    rotateMs: options.rotateMs,
    limit: options.atMost,
    cache: new SignInCache(options.cacheBytes),
    known: new KnownChanges(),
    ownerTurns: new KeyedQueue({ concurrency: 1, waitMs: CHANGE_MS }),
    now,
    elapsedMs,
    random: options.random ?? randomBytes,
    report,
  };
  const invalidations = new Invalidations({ ...context, bus: options.bus, leaseMs: options.leaseMs });
  const touches = new Touches(context);
  const archiver = new Archiver(context, invalidations);
  const ender = new SignInEnder(context, invalidations, archiver);
  const bindings = new Bindings(context, invalidations, archiver);
  const adoptions = new Adoptions(context, archiver, options.entriesAtOnce);
  const beginnings = new Beginnings(context, { invalidations, archiver, adoptions });
  const offers = new LetterOffers(context);
  const guests = new GuestRequests(context, archiver, beginnings, options.requestLimits ?? defaultRequestLimits);
  const checks = new TokenChecks(context, { invalidations, touches, ender });
  const sweeper = new SignInSweeper(context, ender);
  const stopSweeping =
    options.sweeps === false ? () => Promise.resolve() : repeatSweeps(sweeper, (error) => report(signInFault(error)));
  let closing: Promise<void> | undefined;

  const answer = <T>(work: () => Promise<T>, timeMs = CHANGE_MS): Promise<T> => {
    if (closing !== undefined) return Promise.reject(new SessionsError("closed", "Try another node."));
    return withDatabaseLimit(timeMs, work);
  };
  /** For work that takes as long as there are rows. */
  const unbounded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw signInFault(error);
    }
  };

  return {
    // An answer of the cache needs no time limit, and a timer takes longer than the answer.
    check: (token) =>
      (closing === undefined ? checks.known(token) : undefined) ?? answer(() => checks.check(token), CHECK_MS),
    endOf: (token) => answer(() => checks.endOf(token)),
    begin: (input) => answer(() => beginnings.begin(input)),
    adopts: (part) => adoptions.add(part),
    adopt: (signIn, visitors) => answer(() => adoptions.adopt(signIn, visitors)),
    knowsEnd: ({ publicId, sealedMs }) => context.known.hasEnded(publicId) || sealedMs <= context.known.epochHeardMs,
    knowsChange: ({ publicId, revision, checkedMs }) =>
      context.known.isOlder(publicId, revision) || checkedMs <= context.known.epochHeardMs,
    list: (owner, page) => answer(() => listSignIns(context, owner, page)),
    end: (owner, publicId, ending, by) =>
      !UUID.test(publicId)
        ? Promise.resolve(false)
        : answer(() => ender.end(owner, publicId, ending, by?.publicId ?? null)),
    endOthers: ({ owner, publicId }) => answer(() => ender.endOthers(owner, publicId)),
    endAll: (owner) => answer(() => ender.endAll(owner)),
    endEverybody: (onProgress) => unbounded(() => ender.endEverybody(onProgress)),
    onEnded: (listener) => invalidations.onEnded(listener),
    history: (owner, page) => answer(() => listHistoryItems(context, owner, page)),
    handOffs: {
      offer: (owner, handed) => answer(() => offers.offer(owner, handed)),
      find: (owner, typed, address) => answer(() => offers.find(owner, typed, address)),
      ask: (request) => answer(() => guests.ask(request)),
      look: (code) => answer(() => guests.look(code)),
      approve: (signIn, given) => answer(() => guests.approve(signIn, given)),
      decline: (code) => answer(() => guests.decline(code)),
      claim: (id, signature, current) => answer(() => guests.claim(id, signature, current)),
    },
    noteSignal: (signIn, kind) => answer(() => noteSignal(context, signIn, kind)),
    bindDevice: (signIn, key) => answer(() => bindings.bind(signIn, key)),
    renewDevice: (signIn, challenge) => answer(() => bindings.renew(signIn, challenge)),
    readData: (place) => answer(() => readData(context, place)),
    listDataConflicts: (place) => answer(() => listDataConflicts(context, place)),
    changeData: (place, change) => answer(() => changeData(context, place, change)),
    sweep: (sweepOptions) => unbounded(() => sweeper.sweep(sweepOptions)),
    migrate: () =>
      unbounded(async () => {
        await migrate(db, schema, signInMigrations(schema), { kind: context.databaseKind });
        await partitions.ensureAhead(now(), MONTHS_AHEAD);
      }),
    checkMigrated: () =>
      unbounded(async () => {
        await sql`select 1`.execute(db);
        await checkMigrated(db, schema, signInMigrations(schema), { kind: context.databaseKind });
      }),
    close: () => (closing ??= close()),
  };

  async function close(): Promise<void> {
    await stopSweeping();
    await adoptions.close();
    await touches.close();
    await invalidations.close();
    if (typeof database === "object") removeClientErrorListeners(database);
  }
}
