import { createSessions, type Session } from "@sessions/client";
import { payment } from "./payment.ts";

export type Payment = Session<typeof payment>;

declare global {
  /** For the test, which types and submits what the page's own text does not hold. */
  var session: Payment;
}

globalThis.session = createSessions({ flows: [payment], url: "/trpc", owner: "ada" }).start(payment);
