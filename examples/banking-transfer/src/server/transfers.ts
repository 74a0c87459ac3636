import { createSessions, maxCompletions, maxOpenSessions, serve } from "@sessions/server";
import type { SignIns } from "@sessions/server/sign-in";
import { transfer } from "../flow.ts";
import { BANK_TIME_ZONE, COMPLETED_AT_MOST, OPEN_AT_MOST } from "../limits.ts";
import type { Database } from "./database.ts";
import { feeCents, obstacle, pay } from "./ledger.ts";

/** The transfers of the bank: their limits, the fee, and the transfer of the money. */
export function createTransfers(database: Database, signIns: Pick<SignIns, "identify">, now: () => number) {
  return createSessions({
    database: database.source,
    ...(database.bus && { bus: database.bus }),
    now,
    identify: signIns.identify,
    flows: [
      serve(transfer, {
        limits: [
          maxCompletions({ atMost: COMPLETED_AT_MOST, per: "month", timeZone: BANK_TIME_ZONE }),
          maxOpenSessions({ atMost: OPEN_AT_MOST }),
        ],
        steps: {
          amount: async ({ input, owner, tx, refuse }) => {
            // Nobody knows yet which account a visitor has. The payment looks again.
            const reason = owner.startsWith("visitor-") ? null : await obstacle(tx, owner, input.cents);
            return reason ? refuse(reason) : { feeCents: feeCents(input.cents) };
          },
        },
        complete: async ({ data, outputs, owner, session, tx, refuse }) => {
          const paid = await pay(tx, {
            session: session.id,
            owner,
            recipient: data.recipient.name,
            iban: data.recipient.iban,
            cents: data.amount.cents,
            feeCents: outputs.amount.feeCents,
            reference: data.amount.reference ?? null,
          });
          return paid.paid ? { reference: paid.reference } : refuse(paid.reason);
        },
      }),
    ],
  });
}
