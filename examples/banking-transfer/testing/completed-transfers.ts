import { createTRPCClient, httpLink } from "@trpc/client";
import { PROTOCOL_VERSION, type Command } from "@sessions/core/internal";
import { DEMO_PASSWORD } from "../src/people.ts";
import type { AppRouter } from "../src/server/router.ts";

/** Completes transfers of one euro each over HTTP, one after the other, without a browser. */
export async function completeTransfers(url: string, owner: string, count: number): Promise<void> {
  const signedIn = await fetch(`${url}/trpc/signIn`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ id: owner, password: DEMO_PASSWORD }),
  });
  const cookie = signedIn.headers.get("set-cookie")?.split(";")[0] ?? "";
  // As a browser sends them for the bank's own page.
  const headers = { cookie, "sec-fetch-site": "same-origin" };
  const bank = createTRPCClient<AppRouter>({ links: [httpLink({ url: `${url}/trpc`, headers })] });

  const device = { id: uuidv7(), name: "A script" };
  for (let made = 0; made < count; made += 1) {
    const { outcomes } = await bank.sessions.push.mutate({
      protocol: PROTOCOL_VERSION,
      device,
      commands: transferOf(),
    });
    const refused = outcomes.find(({ status }) => status === "refused");
    if (refused) throw new Error(`A transfer was refused: ${JSON.stringify(refused)}`);
  }
}

/** A whole transfer as four commands. */
function transferOf(): Command[] {
  const session = uuidv7();
  const [started, recipient, amount, review] = [uuidv7(), uuidv7(), uuidv7(), uuidv7()];
  const one = { session, version: 1 };
  return [
    { ...one, kind: "start", id: started, flow: "transfer" },
    {
      ...one,
      kind: "submit",
      id: recipient,
      step: "recipient",
      input: { name: "Jeanne Peeters", iban: "BE68539007547034" },
      seen: { recipient: null },
    },
    { ...one, kind: "submit", id: amount, step: "amount", input: { cents: 1_00 }, seen: { amount: null } },
    {
      ...one,
      kind: "submit",
      id: review,
      step: "review",
      input: { accepted: true },
      seen: { review: null, recipient, amount, source: null },
    },
  ];
}

/** A UUIDv7 (RFC 9562): 48 bits of time, the version, then random bits. */
export function uuidv7(): string {
  const time = Date.now().toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${crypto.randomUUID().slice(15)}`;
}
