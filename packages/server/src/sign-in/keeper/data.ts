import type { Transaction } from "kysely";
import { isVisitor } from "@sessions/core/internal";
import { loadAdopter, lockOwner } from "../../postgres/owner.ts";
import { deleteConflicts, listConflicts, type StoredConflict } from "../rows/data-conflicts.ts";
import { loadDatum, writeDatum, type DataPlace, type StoredDatum } from "../rows/data.ts";
import { holdLive } from "../rows/live.ts";
import type { SignInTables } from "../rows/tables.ts";
import type { KeeperContext } from "./context.ts";
import type { DataChange, DataChangeResult } from "./sign-in-keeper.ts";
import { inOwnerTurn, transactWithRetries } from "./transactions/transaction.ts";

const DAY_MS = 86_400_000;

/** How long a visitor's value is kept after its last change: at least as long as a browser keeps the visitor's cookie. */
const KEPT_DAYS = 400;

/** `expires_at` is a multiple of this, so that it changes rarely. */
const EXPIRES_STEP_DAYS = 30;

/** Null if an owner has adopted the visitor. */
export async function readData({ db, schema }: KeeperContext, place: DataPlace): Promise<StoredDatum | null> {
  const tables = db.withSchema(schema);
  const stored = await loadDatum(tables, place);
  // The adoption deletes what it moves. So a value that is there was the visitor's when it was read.
  const isAdopted = stored.version === 0 && isVisitor(place.owner) && (await loadAdopter(tables, place.owner)) !== null;
  return isAdopted ? null : stored;
}

export function listDataConflicts({ db, schema }: KeeperContext, place: DataPlace): Promise<readonly StoredConflict[]> {
  return listConflicts(db.withSchema(schema), place);
}

/**
 * Writes a value if nothing has changed it since its version `base`. A change whose first attempt was made, and whose
 * answer was lost, is made once.
 */
export function changeData(context: KeeperContext, place: DataPlace, change: DataChange): Promise<DataChangeResult> {
  const work = () =>
    transactWithRetries(context, async (tx): Promise<DataChangeResult> => {
      const atMs = context.now();
      if (!(await holdPlace(tx, place, atMs))) return { kind: "signed_out" };
      if (await writeDatum(tx, place, { ...change, atMs, expiresMs: expiresAt(place, atMs) })) {
        await deleteConflicts(tx, place, change.resolves ?? []);
        return { kind: "changed", version: change.base + 1 };
      }
      const stored = await loadDatum(tx, place);
      if (stored.change === change.change) return { kind: "changed", version: stored.version };
      return { kind: "conflict", stored };
    });
  return isVisitor(place.owner) ? inOwnerTurn(context, place.owner, work) : work();
}

/** Keeps the holder of a value from going before the commit. False if they have gone. */
async function holdPlace(tx: Transaction<SignInTables>, { owner, signIn }: DataPlace, atMs: number): Promise<boolean> {
  // After an adoption, nobody would find a value of the visitor.
  if (isVisitor(owner)) return (await lockOwner(tx, owner, new Date(atMs).toISOString())).adopter === null;
  // A sign-in that ends deletes its values.
  return signIn === null || holdLive(tx, owner, signIn);
}

function expiresAt({ owner }: DataPlace, atMs: number): number | null {
  if (!isVisitor(owner)) return null;
  const stepMs = EXPIRES_STEP_DAYS * DAY_MS;
  return Math.ceil((atMs + KEPT_DAYS * DAY_MS) / stepMs) * stepMs;
}
