import { v7 as uuidv7 } from "uuid";
import type { Json } from "@sessions/core/internal";
import { devices, draft, start, START_MS, submit, typedBy } from "../../../../core/src/testing/commands.ts";

export const payee = { name: " Grace Hopper " };
export const address = { street: "Elm Street 1" };

/** A started order, and commands that fill it in. */
export function newOrder() {
  const session = uuidv7();
  const commands = {
    start: start(session, "order", { id: uuidv7() }),
    payee: submitted(session, "payee", payee),
    address: submitted(session, "address", address),
    amount: submitted(session, "amount", { euros: 100 }),
    pin: submitted(session, "pin", { code: "1234" }),
  };
  const seen = { payee: commands.payee.id, amount: commands.amount.id };
  const place = submitted(session, "place", { accepted: true }, seen);
  return { session, ...commands, place, untilPlace: Object.values(commands) };
}

export const submitted = (session: string, step: string, input: Json, seen: Record<string, string | null> = {}) =>
  submit(session, step, input, { id: uuidv7(), seen });

/** A draft of a device, typed so many seconds after the start. */
export function typed(
  session: string,
  step: string,
  values: Record<string, Json | undefined>,
  seconds = 0,
  device = devices[0],
) {
  return draft(session, step, typedBy(device, values, START_MS + seconds * 1_000), { id: uuidv7() });
}
