import { v7 as uuidv7 } from "uuid";
import { describe, expect, test } from "vitest";
import type { Command } from "@sessions/core/internal";
import { createKysely } from "../postgres/database.ts";
import { adoptSessions, visitorNamed } from "../testing/adopting.ts";
import { cancel, draft, notes, start, submit, TestClient, transfer, type Context } from "../testing/bank.ts";
import { accepted, twoNodes } from "../testing/two-nodes.ts";
import { watching } from "../testing/watcher.ts";
import { serve, createSessions, maxCompletions, maxOpenSessions } from "../index.ts";
import { movedColumns } from "./rows/adoption/moved-columns.ts";
import { keylessCipher } from "../secrets/owner-cipher.ts";
import { loadHistory } from "./rows/history/history.ts";
import type { Tables } from "./rows/tables.ts";
import { verify } from "./verification/verify.ts";

const { pool, node, otherNode } = await twoNodes();
const db = createKysely<Tables>(pool).withSchema("sessions");

/** The columns of each table of an owner's rows, beside the owner and the keys, which never move. Partitions have the columns of their table. */
async function columnsInDatabase(): Promise<Readonly<Record<string, readonly string[]>>> {
  const { rows } = await pool.query<{ table: string; columns: string[] }>(`
    select relname as table, array_agg(attname::text order by attname) as columns
    from pg_attribute join pg_class on pg_class.oid = attrelid
    where relnamespace = 'sessions'::regnamespace and relkind in ('r', 'p') and not relispartition
      and attnum > 0 and not attisdropped and relname not in ('owner', 'owner_key', 'erased_session', 'erasure', 'erasure_begun')
    group by relname
    having bool_or(attname = 'owner_id')`);
  return Object.fromEntries(rows.map(({ table, columns }) => [table, columns.filter((name) => name !== "owner_id")]));
}

/** Which tables still have rows of an owner, the owner's own row left out. */
async function tablesOf(owner: string): Promise<readonly string[]> {
  const tables = ["session", "session_archive", "session_event", "device"] as const;
  const counts = await Promise.all(
    tables.map((table) => db.selectFrom(table).select("owner_id").where("owner_id", "=", owner).execute()),
  );
  return tables.filter((_, index) => counts[index]!.length > 0);
}

test("S20: every column that the migrations make has a place in the move of a visitor's rows", async () => {
  const moved = Object.entries(movedColumns).map(([table, columns]) => [table, Object.keys(columns).toSorted()]);
  expect(await columnsInDatabase()).toEqual(Object.fromEntries(moved));
});

describe("what a visitor began is the owner's", () => {
  test("S20: at the step where it was, with every field, draft and entry, and the chain verifies", async () => {
    const visitor = visitorNamed("one");
    const stranger = new TestClient(node, visitor, "Phone");
    const { session, review } = await stranger.untilReview();
    const ended = await stranger.untilReview();
    await stranger.one(ended.review);
    await stranger.one(draft(session, "amount", "note", "typed"));
    const [before, completed] = [await stranger.read(session), await stranger.read(ended.session)];

    await adoptSessions(node, visitor, "ada");
    const ada = new TestClient(otherNode, "ada", "Laptop");
    expect(await ada.read(session)).toEqual({ ...before, revision: before!.revision + 1 });
    expect(await ada.read(ended.session)).toEqual(completed);
    const last = (await loadHistory(db, "ada", session, keylessCipher)).at(-1)!;
    expect(last.body).toMatchObject({
      change: { kind: "adopt", from: visitor },
      command: null,
      device: before!.device.id,
    });
    expect(await tablesOf(visitor)).toEqual([]);
    expect(await ada.one(review)).toEqual(accepted(before!.revision + 2));
    expect((await verify(db)).broken).toBeNull();
  });

  test("S20: a second time nothing moves, and nobody else gets it", async () => {
    const visitor = visitorNamed("two");
    const { session } = await new TestClient(node, visitor).untilReview();
    expect(await adoptSessions(node, visitor, "bob")).toMatchObject([{ sessions: [{ id: session }] }]);
    expect(await adoptSessions(node, visitor, "bob")).toEqual([]);
    expect(await adoptSessions(node, visitor, "eve")).toBeNull();
    expect(await new TestClient(node, "eve").read(session)).toBeNull();
  });

  test("S20: two visitors on two devices come together, and an owner's session keeps its id", async () => {
    const owner = new TestClient(node, "cy");
    const kept = await owner.untilReview();
    const ids = [kept.session];
    for (const name of ["cy's phone", "cy's laptop"]) {
      const stranger = new TestClient(node, visitorNamed(name));
      ids.push((await stranger.untilReview()).session);
      // Somebody who knows an id of the owner's chooses it.
      await stranger.one(start(kept.session, "notes"));
      await adoptSessions(node, visitorNamed(name), "cy");
    }
    const { active } = await owner.list();
    expect(active.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
    expect(active.find(({ id }) => id === kept.session)).toMatchObject({ flow: "transfer" });
    expect((await verify(db)).broken).toBeNull();
  });

  test("S20: all fifty stay at a limit of five, and new ones are refused until there is room", async () => {
    const visitor = visitorNamed("fifty");
    const stranger = new TestClient(node, visitor);
    const ids = Array.from({ length: 50 }, () => uuidv7());
    await stranger.push(...ids.map((id) => start(id, "notes")));
    await adoptSessions(node, visitor, "dan");
    const strict = createSessions<Context>({
      database: pool,
      identify: ({ user }) => user !== undefined && { owner: user },
      sweeps: false,
      flows: [serve(notes, { limits: [maxOpenSessions({ atMost: 5 })] })],
    });
    const dan = new TestClient(strict, "dan");
    expect((await dan.list()).active).toHaveLength(50);
    expect(await dan.one(start(uuidv7(), "notes"))).toMatchObject({ refusal: { code: "limit_reached" } });
    await dan.push(...ids.slice(0, 46).map((id) => cancel(id)));
    expect(await dan.one(start(uuidv7(), "notes"))).toEqual(accepted(1));
  });

  test("S5: S20: what the visitor has completed this month counts for the owner, and none of it is undone", async () => {
    const strict = createSessions<Context>({
      database: pool,
      identify: ({ user }) => user !== undefined && { owner: user },
      sweeps: false,
      flows: [
        serve(transfer, {
          limits: [maxCompletions({ atMost: 3, per: "month" })],
          steps: { amount: () => ({ feeCents: 25 }) },
          complete: ({ session }) => ({ reference: session.id }),
        }),
      ],
    });
    const complete = async (client: TestClient) => client.one((await client.untilReview()).review);
    const visitor = visitorNamed("month");
    const [stranger, eli] = [new TestClient(strict, visitor), new TestClient(strict, "eli")];
    for (const client of [stranger, eli, stranger, eli]) expect(await complete(client)).toEqual(accepted(4));
    const { review } = await stranger.untilReview();
    await adoptSessions(strict, visitor, "eli");
    for (const refused of [await complete(eli), await eli.one(review)]) {
      expect(refused).toMatchObject({ refusal: { code: "limit_reached", limit: "completions per month", atMost: 3 } });
    }
    expect((await eli.list()).ended.filter(({ status }) => status === "completed")).toHaveLength(4);
    await strict.close();
  });

  test("S20: whatever the visitor sends meanwhile is the visitor's before it or is told to sign in, and counts once", async () => {
    for (let round = 0; round < 3; round += 1) {
      const visitor = visitorNamed(`racing ${round}`);
      const owner = `racer ${round}`;
      const [first, second] = [new TestClient(node, visitor), new TestClient(otherNode, visitor)];
      const known = Array.from({ length: 4 }, () => uuidv7());
      await first.push(...known.map((id) => start(id, "notes")));
      const pushes: readonly (readonly Command[])[] = Array.from({ length: 12 }, (_, index) => {
        const id = known[index] ?? uuidv7();
        if (index < 4) return [draft(id, "middle", "text", `${index}`), submit(id, "left", { text: "x" })];
        if (index % 2 === 0) return [start(id, "notes"), submit(id, "left", { text: `${index}` })];
        return [start(id), submit(id, "recipient", { name: "Grace", iban: "BE71096123456769" })];
      });
      const sending = pushes.map((commands, index) =>
        (index % 2 === 0 ? first : second).push(...commands).catch((error: { readonly code: string }) => error.code),
      );
      await adoptSessions(node, visitor, owner);
      for (const reply of await Promise.all(sending)) if (typeof reply === "string") expect(reply).toBe("UNAUTHORIZED");
      expect(await tablesOf(visitor)).toEqual([]);

      const ada = new TestClient(otherNode, owner);
      for (const commands of pushes) {
        const { outcomes } = await ada.push(...commands);
        for (const outcome of outcomes) expect(outcome).toMatchObject({ status: "accepted" });
      }
      expect((await ada.list()).active).toHaveLength(12);
      for (const ask of [() => first.read(known[0]!), () => first.list(), () => first.one(start(uuidv7(), "notes"))]) {
        await expect(ask()).rejects.toMatchObject({ code: "UNAUTHORIZED" });
      }
    }
    expect((await verify(db)).broken).toBeNull();
  });

  test("S20: the visitor's streams end, and the owner's show it", async () => {
    const visitor = visitorNamed("streams");
    const stranger = new TestClient(node, visitor);
    const session = uuidv7();
    await stranger.one(start(session, "notes"));
    const [ofVisitor, ofOwner] = [await watching(node, visitor), await watching(node, "streamer")];
    await adoptSessions(node, visitor, "streamer");
    await ofOwner.reach(2);
    // It ends by itself.
    await ofVisitor.ended;
    await ofOwner.stop();
    await expect(watching(node, visitor)).rejects.toMatchObject({ code: "UNAUTHORIZED" });
  });
});
