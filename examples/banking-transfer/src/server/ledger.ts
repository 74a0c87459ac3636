import { sql, type ColumnType, type GeneratedAlways, type Kysely, type Transaction } from "kysely";

/** A `bigint`: node-postgres reads it as text, PGlite as a number. */
type Whole = ColumnType<string | number, number, number>;

export interface BankTables {
  "bank.account": {
    owner: string;
    iban: string;
    balance_cents: Whole;
    password_hash: string;
  };
  "bank.ledger": {
    entry: GeneratedAlways<number>;
    /** Unique: one session pays at most once. */
    session: string;
    owner: string;
    recipient: string;
    iban: string;
    cents: Whole;
    fee_cents: Whole;
    reference: string | null;
    booked_at: Date;
  };
  "bank.standing_order": {
    session: string;
    owner: string;
    recipient: string;
    iban: string;
    cents: Whole;
    ordered_ms: Whole;
    due_ms: Whole;
    /** Null before its day. */
    ending: "paid" | "refused" | null;
  };
  /** A projection fills it: see `spending.ts`. */
  "bank.spending": {
    owner: string;
    /** The first day of the month. */
    month: ColumnType<Date, never, never>;
    transfers: number;
    cents: Whole;
  };
}

declare module "@sessions/server" {
  interface ApplicationTables extends BankTables {}
}

export interface Payment {
  readonly session: string;
  readonly owner: string;
  readonly recipient: string;
  readonly iban: string;
  readonly cents: number;
  readonly feeCents: number;
  readonly reference: string | null;
}

export type Paid =
  | { readonly paid: true; readonly reference: string }
  | { readonly paid: false; readonly reason: string };

/** The bank's fee in cents: nothing up to €1,000, above it 0.1 %, at most €25. */
export function feeCents(cents: number): number {
  return cents <= 1_000_00 ? 0 : Math.min(Math.ceil(cents / 1_000), 25_00);
}

/**
 * Writes the ledger's row and moves the balance, in the transaction of the caller: both or neither. Money for an
 * account of this bank arrives there. Other money leaves the bank.
 */
export async function pay(tx: Transaction<BankTables>, payment: Payment): Promise<Paid> {
  // Locked in the order of owners. Else two people who pay each other would wait for each other.
  const accounts = await tx
    .selectFrom("bank.account")
    .select(["owner", "iban", "balance_cents"])
    .where((where) => where.or([where("owner", "=", payment.owner), where("iban", "=", payment.iban)]))
    .orderBy("owner")
    .forUpdate()
    .execute();
  const from = accounts.find(({ owner }) => owner === payment.owner);
  const to = accounts.find(({ iban }) => iban === payment.iban);
  const total = payment.cents + payment.feeCents;

  if (!from || Number(from.balance_cents) < total) return { paid: false, reason: NOT_COVERED };
  if (to?.owner === from.owner)
    return { paid: false, reason: "This is your own account: there is nothing to transfer." };

  await move(tx, from.owner, -total);
  if (to) await move(tx, to.owner, payment.cents);
  const { entry } = await tx
    .insertInto("bank.ledger")
    .values({
      session: payment.session,
      owner: payment.owner,
      recipient: payment.recipient,
      iban: payment.iban,
      cents: payment.cents,
      fee_cents: payment.feeCents,
      reference: payment.reference,
      booked_at: new Date(),
    })
    .returning("entry")
    .executeTakeFirstOrThrow();
  return { paid: true, reference: referenceOf(entry) };
}

/** What a person reads of an entry of the ledger. */
export function referenceOf(entry: number): string {
  return `TR-${String(entry).padStart(6, "0")}`;
}

/** Why the account cannot pay `cents` now; null if it can. */
export async function obstacle(tx: Transaction<BankTables>, owner: string, cents: number): Promise<string | null> {
  const account = await accountOf(tx, owner);
  return account.balanceCents < cents + feeCents(cents) ? NOT_COVERED : null;
}

const NOT_COVERED = "Your balance does not cover this amount and its fee.";

/** The IBAN and the balance of an account. */
export async function accountOf(
  db: Kysely<BankTables>,
  owner: string,
): Promise<{ iban: string; balanceCents: number }> {
  const { iban, balance_cents } = await db
    .selectFrom("bank.account")
    .select(["iban", "balance_cents"])
    .where("owner", "=", owner)
    .executeTakeFirstOrThrow();
  return { iban, balanceCents: Number(balance_cents) };
}

function move(tx: Transaction<BankTables>, owner: string, cents: number) {
  return tx
    .updateTable("bank.account")
    .set({ balance_cents: sql<number>`balance_cents + ${cents}` })
    .where("owner", "=", owner)
    .execute();
}
