import { afterAll, expect, test } from "vitest";
import { repetitions } from "../../../../scripts/repetitions.ts";
import { cuttingPool } from "../testing/connections/cutting-pool.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { createValuesNode, newVisitorSecret, ValuesBrowser } from "../testing/visits/values-browser.ts";
import { visitorOf } from "./request/visitor-secret.ts";

const { pool, url } = await freshDatabase();
const cutting = cuttingPool({ connectionString: url, max: 4 });
const now = () => Date.UTC(2026, 2, 1);
const calm = createValuesNode(pool, now);
await calm.migrate();
afterAll(async () => {
  await calm.close();
  await cutting.pool.end();
});

test("S20: all or none of a visitor's values when the connection is lost at any statement, and all when it is sent again", async () => {
  const node = createValuesNode(cutting.pool, now);
  const owner = "ivy";
  const home = new ValuesBrowser(calm);
  await home.signIn(owner);
  await home.add("bread");
  let hasCut = true;
  for (let nth = 0; hasCut; nth += 1) {
    for (const when of repetitions({ few: 1, many: 2 }) === 1
      ? [(["before", "after"] as const)[nth % 2]!]
      : (["before", "after"] as const)) {
      const secret = newVisitorSecret();
      const stranger = new ValuesBrowser(calm, secret);
      await stranger.add(`tea ${nth} ${when}`);
      await stranger.visit((visit) => visit.data.change("theme", () => "dark"));
      const device = new ValuesBrowser(node, secret);
      let left = nth;
      const { cuts } = cutting;
      cutting.cutAt({ test: () => left-- === 0 }, when);
      await device.signIn(owner).catch(() => {});
      hasCut = cutting.cuts > cuts;
      cutting.cutAt(/$^/, when);
      const waiting = await home.visit((visit) => visit.data.conflicts("cart"));
      const { rows } = await pool.query("select key from sessions.visit_data where owner_id = $1", [visitorOf(secret)]);
      expect([waiting.length, rows.length]).toEqual(waiting.length === 1 ? [1, 0] : [0, 2]);

      const again = device.jar.size > 0 ? device : new ValuesBrowser(node, secret);
      if (again !== device) await again.signIn(owner);
      expect(await again.visit((visit) => visit.data.get("theme"))).toBe("dark");
      const decided = await home.visit((visit) => visit.data.resolve("cart", (own) => own));
      expect(decided).toEqual(["bread"]);
    }
  }
  await node.close();
}, 60_000);
