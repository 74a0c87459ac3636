import { setTimeout } from "node:timers/promises";
import { v7 as uuidv7 } from "uuid";
import { describe, expect, test } from "vitest";
import { createBank, draft, start, submit, TestClient } from "../../testing/bank.ts";
import { createKysely } from "../database.ts";
import type { OwnerTables } from "../tables.ts";
import { readShardSizes } from "./shard-sizes.ts";
import { CitusDatabase, citusUrl } from "../../testing/citus/citus-cluster.ts";
import { sessionsOn } from "../../testing/cli.ts";
import { signIn, testKeeper } from "../../testing/sign-ins.ts";

const onCitus = { databaseKind: "citus", sweeps: false } as const;

describe.skipIf(citusUrl === undefined)("on a Citus cluster, whose address CITUS_URL gives", () => {
  const database = new CitusDatabase();

  test("nodes that migrate at once distribute each table once, and co-locate the rows of an owner", async () => {
    const pools = Array.from({ length: 3 }, () => database.connect());
    await Promise.all(
      pools.flatMap((pool) => [createBank(pool, onCitus).migrate(), testKeeper(pool, onCitus).migrate()]),
    );
    const { rows } = await pools[0]!.query<{ name: string; key: string; group: number; local: string }>(
      `select table_name::text as name, distribution_column as key, colocation_id as group from citus_tables
       where table_name::text not similar to '%[0-9]{4}[_][0-9]{2}'`,
    );
    const ofOwners = rows.filter(({ key }) => key === "owner_id");
    expect(new Set(ofOwners.map(({ group }) => group)).size).toBe(1);
    expect(ofOwners.map(({ name }) => name.replace("sessions.", "")).toSorted()).toEqual([
      "device",
      "erased_session",
      "erasure",
      "erasure_begun",
      "hand_off_offer",
      "owner",
      "owner_key",
      "session",
      "session_archive",
      "session_event",
      "sign_in",
      "sign_in_archive",
      "sign_in_event",
      "visit_data",
      "visit_data_conflict",
    ]);
    expect(
      rows
        .filter(({ key }) => key === "id")
        .map(({ name }) => name.replace("sessions.", ""))
        .toSorted(),
    ).toEqual(["hand_off_request", "hand_off_try"]);
    await createBank(pools[0]!, onCitus).check();
    await testKeeper(pools[0]!, onCitus).checkMigrated();
    const { token } = await signIn(testKeeper(pools[0]!, onCitus), "ada");
    expect((await testKeeper(pools[1]!, onCitus).check(token)).kind).toBe("live");
  });

  test("nodes that need the next month at once make its distributed partitions, and lose nothing", async () => {
    const nowMs = Date.UTC(2031, 4, 15);
    const nodes = Array.from({ length: 4 }, () => createBank(database.connect(), { ...onCitus, now: () => nowMs }));
    const clients = nodes.map((node, index) => new TestClient(node, `owner ${index}`));
    const outcomes = await Promise.all(clients.map((client) => client.one(start(uuidv7(), "notes"))));
    expect(outcomes.map(({ status }) => status)).toEqual(["accepted", "accepted", "accepted", "accepted"]);
    const { rows } = await database
      .connect()
      .query("select table_name::text as name from citus_tables where table_name::text like '%2031_05' order by 1");
    expect(rows).toEqual([{ name: "sessions.session_archive_2031_05" }, { name: "sessions.session_event_2031_05" }]);
    await Promise.all(nodes.map((node) => node.close()));
  });

  test("status and partitions count the rows on the workers, and a large table would be estimated by its shards", async () => {
    const node = createBank(database.connect(), onCitus);
    const clients = Array.from({ length: 6 }, (_, index) => new TestClient(node, `counted ${index}`));
    for (const client of clients) {
      const id = uuidv7();
      await client.push(start(id, "notes"), submit(id, "left", { text: "l" }));
    }
    const month = new Date().toISOString().slice(0, 7);
    const { stdout, code } = await sessionsOn(database.url, "--json", "status");
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { active: 10, history: { rows: 16, exact: true } }]);
    const listed = JSON.parse((await sessionsOn(database.url, "--json", "partitions")).stdout) as {
      partitions: { table: string; rows: number; exact: boolean }[];
    };
    const table = `session_event_${month.replace("-", "_")}`;
    expect(listed.partitions.find((partition) => partition.table === table)).toMatchObject({ rows: 12, exact: true });
    expect((await sessionsOn(database.url, "partitions", "--ahead", "4")).code).toBe(0);
    const db = createKysely<OwnerTables>(database.connect());
    await database.connect().query("analyze sessions.session");
    const sizes = await readShardSizes(db, "sessions", ["session", "owner_key"]);
    expect(sizes.get("session")).toEqual({ bytes: expect.any(Number), estimate: 10 });
    expect(sizes.get("session")!.bytes).toBeGreaterThan(0);
    expect(sizes.get("owner_key")).toEqual({ bytes: 0, estimate: 0 });
    await node.close();
  });

  test("a node and the command line at a worker are told the address of the coordinator", async () => {
    const { url } = database.workers[0]!;
    const { host } = new URL(citusUrl!);
    const says = `Give the address of its coordinator: ${host}.`;
    const node = createBank(database.connect({ connectionString: url }), onCitus);
    await expect(node.check()).rejects.toThrow(says);
    await expect(node.migrate()).rejects.toThrow(says);
    for (const command of ["migrate", "status", "sweep"]) {
      expect(await sessionsOn(url, command)).toMatchObject({ code: 2, stderr: expect.stringContaining(says) });
    }
  });

  test("a node that does not know of the cluster is told", async () => {
    const pool = database.connect();
    await expect(createBank(pool, { databaseKind: "postgres", sweeps: false }).check()).rejects.toThrow(
      'give `databaseKind: "citus"`',
    );
  });

  test(
    "a filled Postgres becomes a cluster while people write, and nothing is lost",
    { timeout: 120_000 },
    async () => {
      const schema = "filled";
      await createBank(database.connect(), { databaseKind: "postgres", schema, sweeps: false }).migrate();
      const single = createBank(database.connect(), { ...onCitus, schema });
      await single.check();
      const owners = Array.from({ length: 8 }, (_, index) => new TestClient(single, `writer ${index}`));
      const ids = owners.map(() => uuidv7());
      await Promise.all(owners.map((owner, index) => owner.push(start(ids[index]!, "notes"))));
      let isDone = false;
      const accepted = owners.map(() => 0);
      const writing = owners.map(async (owner, index) => {
        let last: string | null = null;
        for (let count = 1; !isDone; count += 1) {
          const outcome = await owner.one(draft(ids[index]!, "middle", "text", `${count}`));
          const submission = submit(ids[index]!, "left", { text: `${count}` }, { left: last });
          const submitted = await owner.one(submission);
          if (submitted.status === "accepted") last = submission.id;
          for (const each of [outcome, submitted]) if (each.status === "accepted") accepted[index]! += 1;
          if (outcome.status !== "accepted" || submitted.status !== "accepted") await setTimeout(50);
        }
      });
      await setTimeout(500);
      const { code, stdout } = await sessionsOn(database.url, "--schema", schema, "migrate");
      isDone = true;
      await Promise.all(writing);
      expect(code).toBe(0);
      expect(stdout).toContain("Distributed session_event\n");

      const node = createBank(database.connect(), { ...onCitus, schema });
      await node.check();
      for (const [index, id] of ids.entries()) {
        const session = await new TestClient(node, `writer ${index}`).read(id);
        expect(session?.revision).toBe(accepted[index]! + 1);
      }
      expect((await sessionsOn(database.url, "--schema", schema, "verify")).stdout).toBe("8 sessions are whole.\n");
      const { rows } = await database
        .connect()
        .query("select pg_relation_size('filled.session') + pg_relation_size('filled.owner') as local");
      expect(Number(rows[0]?.local)).toBe(0);
      expect(Math.min(...accepted)).toBeGreaterThan(2);
      await Promise.all([single.close(), node.close()]);
    },
  );
});
