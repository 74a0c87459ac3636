import { sessions } from "./router.ts";
import { transfer } from "./flow.ts";

/** An order of a person to send the same amount each month. The application keeps it, with an id for its next session. */
export interface StandingOrder {
  readonly owner: string;
  /** A UUIDv7. The application makes a new one for each month. */
  readonly session: string;
  readonly recipient: { readonly name: string; readonly iban: string };
  readonly cents: number;
}

/** Carries out a standing order. It may run again at any time, on any node: the money is sent once. */
export async function carryOut({ owner, session, recipient, cents }: StandingOrder): Promise<string> {
  const service = sessions.as(owner, { name: "Standing orders" });
  const outcomes = [
    await service.start(transfer, { session }),
    await service.submit(transfer, session, "recipient", recipient, { command: "recipient" }),
    await service.submit(transfer, session, "amount", { cents }, { command: "amount" }),
    await service.submit(transfer, session, "review", { accepted: true }, { command: "review" }),
  ];
  const refused = outcomes.find((outcome) => outcome.status === "refused");
  if (refused) throw new Error(`The order is not carried out: ${refused.refusal.code}.`);
  return outcomes.at(-1)!.session!.result!.reference;
}
