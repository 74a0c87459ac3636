import { defineFlow, step } from "@sessions/core";
import { v7 as uuidv7 } from "uuid";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import { createSessions, serve } from "../index.ts";
import { start, submit, TestClient, type Context } from "../testing/bank.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { testKeys } from "../testing/secrets/keys.ts";
import { watching } from "../testing/watcher.ts";

const secret = "4111 1111 1111 1111";

const payment = defineFlow({
  name: "payment",
  version: 1,
  steps: {
    amount: step({ input: z.object({ cents: z.int() }) }),
    card: step({ input: z.object({ number: z.string() }), output: z.object({ last: z.string() }), sensitive: true }),
    review: step({ input: z.object({ accepted: z.literal(true) }), confirm: true }),
  },
});

test("S11: what is entered in a sensitive step reaches the application, and is in no reply, event, notice or report", async () => {
  const { pool } = await freshDatabase();
  const [given, reports, notices]: [unknown[], unknown[], unknown[]] = [[], [], []];
  const node = createSessions<Context>({
    database: pool,
    identify: ({ user }) => user !== undefined && { owner: user },
    keys: testKeys,
    onError: (error) => reports.push(`${error.name} ${error.message} ${JSON.stringify(error)}`),
    bus: {
      open: () => () => Promise.resolve(),
      publish: (notice) => void notices.push(notice),
    },
    flows: [
      serve(payment, {
        steps: {
          card: ({ input }) => {
            given.push(input.number);
            if (given.length === 1) throw new Error(`Cannot charge ${input.number}`);
            return { last: input.number.slice(-4) };
          },
        },
        complete: ({ data }) => void given.push(data.card.number),
      }),
    ],
  });
  onTestFinished(() => node.close());
  await node.migrate();
  const ada = new TestClient(node, "ada");
  const replies: unknown[] = [];
  const told = <T>(reply: T) => {
    replies.push(reply);
    return reply;
  };

  const session = uuidv7();
  await ada.push(start(session, "payment"), submit(session, "amount", { cents: 1 }));
  const watcher = await watching(node, "ada");
  const card = submit(session, "card", { number: secret });
  expect(told(await ada.push(card)).outcomes).toMatchObject([{ refusal: { code: "failed" } }]);
  const accepted = told(await ada.push(card));
  expect(accepted.outcomes).toMatchObject([{ status: "accepted", revision: 3 }]);
  expect(accepted.snapshots).toMatchObject([
    { data: { amount: { cents: 1 }, card: null }, outputs: { card: { last: "1111" } }, submissions: { card: {} } },
  ]);
  // Again, with something else under its id, over what somebody has not seen, and as a draft.
  told(await ada.push(card, { ...card, input: { number: `${secret}!` } }, submit(session, "card", { number: secret })));
  const at = `000000000000001-0000-${ada.device.id}`;
  const draft = { kind: "draft", id: uuidv7(), session, version: 1, step: "card" } as const;
  expect(told(await ada.push({ ...draft, fields: { number: { value: secret, at } } })).outcomes).toMatchObject([
    { refusal: { code: "invalid_input" } },
  ]);
  told(await ada.read(session));
  told(await ada.list());
  const done = told(await ada.push(submit(session, "review", { accepted: true })));
  expect(done.snapshots).toMatchObject([{ status: "completed", data: { card: null } }]);
  await watcher.reach(4);
  await watcher.stop();
  told(await ada.read(session));
  told(await ada.list());
  told(await ada.caller.receipt({ session, command: card.id }));

  expect(given).toEqual([secret, secret, secret]);
  expect(reports).toHaveLength(1);
  expect(notices.length).toBeGreaterThan(0);
  expect(JSON.stringify([replies, watcher.seen, reports, notices])).not.toContain("4111");
});
