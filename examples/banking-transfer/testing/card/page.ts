import { createSessionsClient, type Session } from "@sessions/client";
import { payment } from "./payment.ts";

export type Payment = Session<typeof payment>;

declare global {
  /** For the test. It types and submits values that the page's own text does not hold. */
  var session: Payment;
}

globalThis.session = createSessionsClient({ flows: [payment], url: "/trpc", owner: "ada" }).start(payment);
