import { v7 as uuidv7 } from "uuid";
import { beforeAll, expect, test } from "vitest";
import { PROTOCOL_VERSION, type ListReply, type Snapshot, type WatchEvent } from "@sessions/core/internal";
import { cancel, createBank, draft, start, submit, TestClient } from "../../testing/bank.ts";
import { freshDatabase } from "../../testing/postgres.ts";

const PAGE_BYTES = 40_000;

const { pool } = await freshDatabase();
const node = createBank(pool, { bounds: { pageBytes: PAGE_BYTES } });
beforeAll(() => node.migrate());

const weight = (value: unknown) => JSON.stringify(value).length;
const text = "x".repeat(15_000);

/** An owner with so many sessions of 15 kB, the first of them ended. Gives their ids in the order of a list. */
async function owning(active: number, ended: number) {
  const owner = uuidv7();
  const teller = new TestClient(node, owner);
  const ids: string[] = [];
  for (let index = 0; index < ended + active; index += 1) {
    const session = uuidv7();
    const submission = submit(session, "left", { text });
    await teller.push(start(session, "notes"), submission, ...(index < ended ? [cancel(session)] : []));
    ids.unshift(session);
  }
  return { owner, teller, ids };
}

async function pagesOf(teller: TestClient, limit: number, flow: string | null = null): Promise<readonly ListReply[]> {
  const pages: ListReply[] = [];
  for (let after: ListReply["next"] = null; ;) {
    const page: ListReply = await teller.caller.list({ flow, limit, after });
    pages.push(page);
    after = page.next;
    if (after === null) return pages;
  }
}

test("S25: a list comes in pages by bytes: active sessions, then ended ones, each once and in order", async () => {
  const { teller, ids } = await owning(7, 6);
  for (const flow of [null, "notes"]) {
    const pages = await pagesOf(teller, 100, flow);
    expect(pages.flatMap(({ active, ended }) => [...active, ...ended].map(({ id }) => id))).toEqual(ids);
    for (const page of pages) expect(weight(page)).toBeLessThan(PAGE_BYTES);
    // Two fit into one page.
    expect(pages).toHaveLength(7);
  }
});

test("S25: a list comes in pages by number, over active and ended sessions alike", async () => {
  const { teller, ids } = await owning(2, 2);
  const pages = await pagesOf(teller, 1);
  expect(pages.map(({ active, ended }) => [active.length, ended.length])).toEqual([
    [1, 0],
    [1, 0],
    [0, 1],
    [0, 1],
  ]);
  expect(pages.flatMap(({ active, ended }) => [...active, ...ended].map(({ id }) => id))).toEqual(ids);
});

test("a session that is larger than a page comes alone", async () => {
  const { teller } = await owning(1, 0);
  const session = uuidv7();
  await teller.push(start(session, "notes"), submit(session, "left", { text: "y".repeat(50_000) }));
  const pages = await pagesOf(teller, 100);
  expect(pages.map(({ active }) => active.length)).toEqual([1, 1]);
});

test("an owner who has nothing gets one empty page", async () => {
  expect(await pagesOf(new TestClient(node, uuidv7()), 1)).toMatchObject([{ active: [], ended: [], next: null }]);
});

async function beginningOf(owner: string, known: Record<string, number> = {}): Promise<readonly WatchEvent[]> {
  const stream = await node.router.createCaller({ user: owner }).watch({ protocol: PROTOCOL_VERSION, known });
  const events: WatchEvent[] = [];
  for await (const event of stream as AsyncIterable<WatchEvent>) {
    events.push(event);
    if (!event.more) break;
  }
  return events;
}

test("S25: a stream begins with all that is newer in events of a page each, and says that more follows", async () => {
  const { owner, teller, ids } = await owning(5, 2);
  const [newest] = ids;
  const gone = ids.at(-1)!;
  const events = await beginningOf(owner, { [newest!]: 2, [gone]: 2 });
  const told: readonly Snapshot[] = events.flatMap(({ snapshots }) => snapshots);
  expect(told.map(({ id, status }) => [id, status])).toEqual([
    ...ids.slice(1, 5).map((id) => [id, "active"]),
    [gone, "cancelled"],
  ]);
  for (const event of events) expect(weight(event)).toBeLessThan(PAGE_BYTES);
  expect(events.map(({ more }) => more)).toEqual([true, true, false]);

  // Whoever asks instead of watching goes on where the reply before ended.
  const asked: Snapshot[] = [];
  for (let after: string | undefined; ; after = asked.at(-1)!.id) {
    const known = { [newest!]: 2, [gone]: 2 };
    const reply = await teller.caller.changes({ protocol: PROTOCOL_VERSION, known, ...(after && { after }) });
    expect(weight(reply)).toBeLessThan(PAGE_BYTES);
    asked.push(...reply.snapshots);
    if (!reply.more) break;
  }
  expect(asked).toEqual(told);
});

test("S25: a stream that is not read is sent the newest of everything, a page at a time, once it is", async () => {
  const { owner, teller, ids } = await owning(6, 0);
  const known = Object.fromEntries(ids.map((id) => [id, 2]));
  const stream = await node.router.createCaller({ user: owner }).watch({ protocol: PROTOCOL_VERSION, known });
  const events: AsyncIterator<WatchEvent, void> = (stream as AsyncIterable<WatchEvent>)[Symbol.asyncIterator]();
  expect((await events.next()).value).toMatchObject({ snapshots: [], more: false });
  for (const id of ids) {
    for (const typed of ["a", "ab"]) await teller.push(draft(id, "right", "typed", typed));
  }
  const told = new Map<string, number>();
  for (;;) {
    const { value } = await events.next();
    expect(weight(value)).toBeLessThan(PAGE_BYTES);
    for (const { id, revision } of value!.snapshots) told.set(id, revision);
    if (!value!.more) break;
  }
  expect(told).toEqual(new Map(ids.map((id) => [id, 4])));
  await events.return?.();
});
