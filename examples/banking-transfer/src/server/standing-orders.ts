import type { Sessions } from "@sessions/server";
import type { Kysely } from "kysely";
import { transfer } from "../flow.ts";
import type { BankTables } from "./ledger.ts";

/** An order to send money on a day. The person may be asleep, and their devices off. */
export interface StandingOrder {
  /** The id of the transfer that carries it out: a UUIDv7, chosen when the order was given. */
  readonly session: string;
  readonly owner: string;
  readonly recipient: string;
  readonly iban: string;
  readonly cents: number;
  /** When the person ordered it, signed in with a password, in milliseconds since 1970. */
  readonly orderedMs: number;
}

type Ending = "paid" | "refused";

/** How many orders are carried out at a time. */
const PAGE_SIZE = 100;

export async function addStandingOrder(
  db: Kysely<BankTables>,
  { session, owner, recipient, iban, cents, orderedMs }: StandingOrder,
  dueMs: number,
): Promise<void> {
  await db
    .insertInto("bank.standing_order")
    .values({ session, owner, recipient, iban, cents, ordered_ms: orderedMs, due_ms: dueMs, ending: null })
    .execute();
}

/**
 * Carries out the orders that are due. It may die at any moment and run again, also on two servers at once: each order is
 * paid once. An order that is refused is not tried again. Gives how many have ended.
 */
export async function carryOutStandingOrders(
  db: Kysely<BankTables>,
  sessions: Pick<Sessions, "as">,
  nowMs: number,
): Promise<number> {
  const due = await db
    .selectFrom("bank.standing_order")
    .select(["session", "owner", "recipient", "iban", "cents", "ordered_ms"])
    .where("due_ms", "<=", nowMs)
    .where("ending", "is", null)
    .orderBy("due_ms")
    .limit(PAGE_SIZE)
    .execute();
  for (const { cents, ordered_ms: orderedMs, ...order } of due) {
    const ending: Ending | null = await carryOut(sessions, {
      ...order,
      cents: Number(cents),
      orderedMs: Number(orderedMs),
    });
    if (ending === null) continue;
    await db.updateTable("bank.standing_order").set({ ending }).where("session", "=", order.session).execute();
  }
  return due.length;
}

/** The person sees the transfer on every device, and in its history that the bank has made it. Null if the next look tries again. */
async function carryOut(
  sessions: Pick<Sessions, "as">,
  { owner, session, recipient, iban, cents, orderedMs }: StandingOrder,
): Promise<Ending | null> {
  const bank = sessions.as(owner, { name: "Standing orders", proof: { provedAt: orderedMs, level: "aal1" } });
  const steps = [
    () => bank.start(transfer, { session }),
    () => bank.submit(transfer, session, "recipient", { name: recipient, iban }, { command: "recipient" }),
    () => bank.submit(transfer, session, "amount", { cents }, { command: "amount" }),
    () => bank.submit(transfer, session, "review", { accepted: true }, { command: "review" }),
  ];
  for (const step of steps) {
    const outcome = await step();
    if (outcome.status === "accepted") continue;
    if (["busy", "failed"].includes(outcome.refusal.code)) return null;
    // It must not stand open on the person's devices.
    await bank.cancel(transfer, session, { command: "cancel" });
    return "refused";
  }
  return "paid";
}
