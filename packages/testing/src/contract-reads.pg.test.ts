import { v7 as uuidv7 } from "uuid";
import { expect, test } from "vitest";
import { cancel, devices, start, START_MS } from "../../core/src/testing/commands.ts";
import { openBoth } from "./testing/contract/open-both.ts";
import { newOrder, typed } from "./testing/contract/orders.ts";

const both = await openBoth();
const [, laptop] = devices;

test("pages of a list and of changes are the same, at every size", async () => {
  const votes = Array.from({ length: 4 }, () => uuidv7());
  const orders = Array.from({ length: 5 }, newOrder);
  await both.push(orders.flatMap(({ start: begin, payee: first }) => [begin, first]));
  for (const [nth, session] of votes.entries()) {
    both.nowMs += 1_000;
    await both.push([start(session, "vote", { id: uuidv7() })]);
    if (nth < 2) await both.push([cancel(session, { id: uuidv7() })]);
  }
  await both.push([cancel(orders[2]!.session, { id: uuidv7() }), cancel(orders[0]!.session, { id: uuidv7() })]);
  both.nowMs += 3 * 3_600_000 - 3_000;
  await both.push([orders[4]!.address]);
  for (const flow of [null, "vote", "order", "unknown"]) {
    for (const limit of [1, 2, 3, 4, 7, 100]) {
      for (let after: object | null = null, pages = 0; pages < 12; pages += 1) {
        const page: { readonly next: object | null } = await both.query("list", { flow, limit, after });
        after = page.next;
        if (after === null) break;
      }
    }
  }
  const ids = orders.map(({ session }) => session);
  const known = Object.fromEntries([...ids, ...votes].map((id, nth) => [id, nth % 4]));
  for (const after of [undefined, ids[2]!, votes[1]!]) {
    await both.call("changes", { protocol: 1, known: {}, after });
    await both.call("changes", { protocol: 1, known, after });
  }
});

test("a stream begins with what the client lacks, and tells each change once", async () => {
  const [known, unknown, gone] = [newOrder(), newOrder(), newOrder()];
  await both.push([...known.untilPlace, unknown.start, gone.start, cancel(gone.session, { id: uuidv7() })]);
  const stream = await both.watch({ protocol: 1, known: { [known.session]: 1, [gone.session]: 1 } });
  expect(await stream.next()).toContain("connected");
  expect(await stream.next()).toContain(gone.session);
  await both.push([unknown.payee]);
  expect(await stream.next()).toContain("Grace");
  await both.push([unknown.payee]);
  await both.push([
    typed(unknown.session, "address", { zip: "1" }),
    typed(unknown.session, "address", { zip: "2" }, 1),
  ]);
  expect(await stream.next()).toContain('"zip":{"value":"2"');
  await both.push([known.place]);
  expect(await stream.next()).toContain("completed");
  both.nowMs += 3 * 3_600_000;
  await both.read(unknown.session);
  expect(await stream.next()).toContain("expired");
  await stream.close();
});

test("a stream shows what another page sends, and no other owner's", async () => {
  const { session, start: begin, pin } = newOrder();
  const stream = await both.watch({ protocol: 1, known: {} });
  await stream.next();
  expect(await stream.next()).toContain('"snapshots":[]');
  await both.push([begin], laptop);
  expect(await stream.next()).toContain(session);
  await both.push([pin], laptop);
  both.signIn({ owner: uuidv7(), provedAt: START_MS });
  await both.push([newOrder().start]);
  await stream.close();
});
