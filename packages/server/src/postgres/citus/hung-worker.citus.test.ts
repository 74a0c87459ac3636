import { v7 as uuidv7 } from "uuid";
import { beforeAll, describe, expect, test } from "vitest";
import { createBank, draft, start, TestClient } from "../../testing/bank.ts";
import { CitusDatabase, citusUrl } from "../../testing/citus/citus-cluster.ts";
import { createKysely } from "../database.ts";
import type { OwnerTables } from "../tables.ts";
import { OwnerWorkers } from "./owner-workers.ts";

const onCitus = { databaseKind: "citus", sweeps: false } as const;
const TIMEOUT_MS = 2_000;

describe.skipIf(citusUrl === undefined)("on a Citus cluster, whose address CITUS_URL gives", () => {
  const database = new CitusDatabase();
  /** Owners with a session each, by the number of their worker. */
  const owners = new Map<string, { readonly name: string; readonly id: string }[]>();
  const ownersOf = (index: number) => owners.get(String(database.workers[index]!.group))!;

  beforeAll(async () => {
    const pool = database.connect();
    const node = createBank(pool, onCitus);
    await node.migrate();
    const places = new OwnerWorkers(() => createKysely<OwnerTables>(pool), "sessions");
    for (let count = 0; count < 24; count += 1) {
      const [name, id] = [`owner ${count}`, uuidv7()];
      const worker = (await places.workerOf(name))!;
      owners.set(worker, [...(owners.get(worker) ?? []), { name, id }]);
      await new TestClient(node, name).push(start(id, "notes"));
    }
    await node.close();
  });

  const connect = () => createBank(database.connect({ max: 8, statement_timeout: TIMEOUT_MS }), onCitus);

  test("S1: a worker that is dead costs its own owners alone, and they go on when it is back", async () => {
    const node = connect();
    const [lost, other] = [ownersOf(0)[0]!, ownersOf(1)[0]!];
    const { proxy } = database.workers[0]!;
    proxy.refusing = true;
    proxy.cut();
    await expect(new TestClient(node, lost.name).one(draft(lost.id, "middle", "text", "a"))).rejects.toMatchObject({
      code: "SERVICE_UNAVAILABLE",
    });
    expect(await new TestClient(node, other.name).one(draft(other.id, "middle", "text", "a"))).toMatchObject({
      status: "accepted",
    });
    proxy.refusing = false;
    await expect
      .poll(() => new TestClient(node, lost.name).one(draft(lost.id, "middle", "text", "b")), { timeout: 5_000 })
      .toMatchObject({ status: "accepted" });
    await node.close();
  });

  test(
    "S1: a worker that hangs holds half of the pool, and its owners are told to try again",
    { timeout: 120_000 },
    async () => {
      const node = connect();
      const { proxy } = database.workers[0]!;
      const write = ({ name, id }: { name: string; id: string }, text: string) =>
        new TestClient(node, name).one(draft(id, "middle", "text", text));
      for (const owner of ownersOf(1)) await write(owner, "before");
      proxy.isSilent = true;
      const hanging = ownersOf(0).flatMap((owner) => [
        write(owner, "hangs").catch((error: unknown) => (error as { code?: string }).code),
        new TestClient(node, owner.name).read(owner.id).catch((error: unknown) => (error as { code?: string }).code),
      ]);
      const fromMs = performance.now();
      const served = await Promise.all(ownersOf(1).map((owner) => write(owner, "meanwhile")));
      const tookMs = performance.now() - fromMs;
      expect(served.map(({ status }) => status)).toEqual(ownersOf(1).map(() => "accepted"));
      expect(tookMs).toBeLessThan(TIMEOUT_MS);
      for (const answer of await Promise.all(hanging)) {
        if (typeof answer === "string") expect(answer).toMatch(/^(SERVICE_UNAVAILABLE|TOO_MANY_REQUESTS)$/);
        else expect(answer).toMatchObject({ refusal: { code: "busy" } });
      }
      proxy.isSilent = false;
      proxy.cut();
      await expect
        .poll(() => write(ownersOf(0)[0]!, "after").catch(() => null), { timeout: 5_000 })
        .toMatchObject({ status: "accepted" });
      await node.close();
    },
  );
});
