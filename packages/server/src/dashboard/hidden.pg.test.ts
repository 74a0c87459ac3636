import { expect, test } from "vitest";
import { generateKey } from "../secrets/key-ring.ts";
import { keysFromEnvironment } from "../secrets/environment-keys.ts";
import { TestClient } from "../testing/bank.ts";
import { operators, requestsOf } from "../testing/dashboard/operators.ts";
import { openDashboard } from "../testing/dashboard/seen-by-operators.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { charge, hidingNode, TOKEN, untilPlace } from "../testing/secrets/hiding.ts";

const { pool } = await freshDatabase();
const key = generateKey();
const node = hidingNode(pool, key, { encrypt: "all" });
await node.migrate();

test("S23: an operator who may read what people typed sees no hidden value on any page", async () => {
  const ada = new TestClient(node, "ada");
  const [open, done] = [await untilPlace(ada), await untilPlace(ada)];
  await ada.one(done.place);
  const dashboard = await openDashboard(pool, { flows: [charge], keys: keysFromEnvironment(key) });
  const { get, post } = requestsOf(() => dashboard);
  const pages: string[] = [];
  for (const { session: id } of [open, done]) {
    const form = { id, reason: "The customer called about it" };
    const typed = await (await post("?view=typed", operators.reader, form)).text();
    expect(typed).toContain("1234");
    pages.push(typed, await (await get(`?view=session&id=${id}`, operators.reader)).text());
  }
  for (const view of ["", "?view=flows", "?view=owner&id=ada", "?view=audit", "?view=storage", "?view=health"]) {
    pages.push(await (await get(view, operators.reader)).text());
  }
  expect(pages.join()).toContain(done.session);
  expect(pages.join()).not.toContain(TOKEN);
  await dashboard.close();
});
