import { createSessionsClient } from "@sessions/client";
import { transfer } from "../../src/flow.ts";

/** The last typed number, and the count of submitted numbers. */
export interface Typed {
  readonly last: number;
  readonly submissions: number;
}

declare global {
  /** Tells the test the numbers on the disk: those found at the start, or those that `stored` has confirmed. */
  function tell(profile: string, kind: "found" | "stored", typed: Typed): Promise<void>;
}

// A page that counts: it types one number after the other, and submits every tenth, as fast as it can.
const profile = new URLSearchParams(location.search).get("profile")!;
const sessions = createSessionsClient({ flows: [transfer], url: "/nowhere", owner: "typist", profile });
await sessions.ready;

const [known] = sessions.list(transfer).state.active;
const session = known ? sessions.open(transfer, known.id) : sessions.start(transfer);
if (!known) await session.submit("recipient", { name: "Grace Hopper", iban: "BE95735190612058" }).stored;

const { data, drafts, sync } = session.state;
let last = Math.max(Number(drafts.amount?.reference ?? 0), data.amount?.cents ?? 0);
// The start and the recipient are pending too, and what is typed in a step counts as one.
let submissions = sync.pending - 2 - Object.keys(drafts).length;
void tell(profile, "found", { last, submissions });

for (;;) {
  last += 1;
  const submits = last % 10 === 0;
  if (submits) submissions += 1;
  const typed = { last, submissions };
  const { stored } = submits
    ? session.submit("amount", { cents: last })
    : session.draft("amount", { reference: String(last) });
  const told = stored.then(() => tell(profile, "stored", typed));
  // Some are written one by one, others while the one before is.
  if (last % 3 === 0) await told;
}
