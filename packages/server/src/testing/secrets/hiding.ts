import { createHash } from "node:crypto";
import type { Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { z } from "zod";
import { defineFlow, step } from "@sessions/core";
import { createSessions, keysFromEnvironment, serve, type Sessions, type SessionsOptions } from "../../index.ts";
import { start, submit, type Context, type TestClient } from "../bank.ts";
import { everyColumn } from "./payments.ts";

/** A flow whose handlers hide tokens. A long number takes it through the step `check`. */
export const charge = defineFlow({
  name: "charge",
  version: 1,
  steps: {
    card: step({ input: z.object({ number: z.string() }), output: z.object({ last: z.string() }) }),
    check: step({ input: z.object({ code: z.string() }), dependsOn: ["card"] }),
    note: step({ input: z.object({ text: z.string() }) }),
    place: step({ input: z.object({}), dependsOn: ["card"], confirm: true }),
  },
  path: ({ card }) => ["card", ...(card && card.number.length > 4 ? ["check" as const] : []), "note", "place"],
  result: z.object({ reference: z.string() }),
});

/** The start of every token. No reply, log or file may have it. */
export const TOKEN = "Token-5b1e";
export const tokenOf = (text: string) => `${TOKEN}-${createHash("sha256").update(text).digest("hex").slice(0, 12)}`;

/** What the handlers were given, one after another. */
export interface Handed {
  readonly handler: string;
  readonly session: string;
  readonly hidden: object;
}

/** A node that serves {@link charge}. Some numbers make the handler of the card fail, each in its way. */
export function hidingNode(
  pool: Pool,
  keys: string,
  {
    handed,
    ...options
  }: Partial<Omit<SessionsOptions<Context>, "database" | "flows" | "keys">> & {
    readonly handed?: Handed[];
  } = {},
): Sessions {
  const note = (
    handler: string,
    { session, hidden }: { readonly session: { readonly id: string }; readonly hidden: object },
  ) => handed?.push({ handler, session: session.id, hidden });
  return createSessions<Context>({
    database: pool,
    identify: ({ user }) => user !== undefined && { owner: user },
    sweeps: false,
    onError: () => {},
    keys: keysFromEnvironment(keys),
    ...options,
    flows: [
      serve(charge, {
        hidden: { card: z.object({ token: z.string() }), check: z.object({ proof: z.string() }) },
        steps: {
          card({ input, refuse, ...context }) {
            note("card", context);
            const hidden = { token: tokenOf(input.number) };
            if (input.number === "refused") return refuse("The card is refused.");
            if (input.number === "throws") throw new Error(`Cannot charge ${hidden.token}`);
            if (input.number === "invalid") return { output: { last: "" }, hidden: { token: [hidden.token] as never } };
            if (input.number === "forgets") return { output: { last: "" } } as never;
            return { output: { last: input.number.slice(-4) }, hidden };
          },
          check({ input, ...context }) {
            note("check", context);
            return { hidden: { proof: tokenOf(input.code) } };
          },
        },
        complete({ hidden, ...context }) {
          note("complete", { ...context, hidden });
          return { reference: `R-${createHash("sha256").update(hidden.card.token).digest("hex").slice(0, 8)}` };
        },
      }),
    ],
  });
}

/** A session that stands at its last step, and the commands that brought it there. */
export async function untilPlace(client: TestClient, number = "1234") {
  const session = uuidv7();
  const card = submit(session, "card", { number });
  const check = submit(session, "check", { code: number }, { check: null, card: card.id });
  const note = submit(session, "note", { text: "rent" });
  const commands = [start(session, "charge"), card, ...(number.length > 4 ? [check] : []), note];
  const { outcomes } = await client.push(...commands);
  const refused = outcomes.find(({ status }) => status === "refused");
  if (refused) throw new Error(`Not at the last step: ${JSON.stringify(refused)}`);
  const place = submit(session, "place", {}, { place: null, card: card.id });
  return { session, card, check, note, place };
}

/** Every value of every table, and each spelling in which a token may stand there. */
export async function tokensInTables(pool: Pool): Promise<boolean> {
  const columns = await everyColumn(pool);
  return columns.includes(TOKEN) || columns.includes(Buffer.from(TOKEN).toString("hex"));
}
