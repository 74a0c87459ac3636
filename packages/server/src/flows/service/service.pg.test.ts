import type { PGlite } from "@electric-sql/pglite";
import type { Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createBank, createLedger, ledgerOf, notes, TestClient, transfer } from "../../testing/bank.ts";
import { emptyPGlite } from "../../testing/pglite.ts";
import { freshDatabase } from "../../testing/postgres.ts";
import { createKysely } from "../../postgres/database.ts";
import { loadHistory } from "../rows/history/history.ts";
import { keylessCipher } from "../../secrets/owner-cipher.ts";
import type { Tables } from "../rows/tables.ts";
import { serviceDeviceOf } from "./service-id.ts";

const { pool } = await freshDatabase();
const pglite = await emptyPGlite();
afterAll(() => pglite.close());

const to = { name: "Grace", iban: "BE71096123456769" };
const accepted = (revision: number, replayed = false) => ({ status: "accepted", revision, replayed });

describe.each<[string, Pool | PGlite]>([
  ["PostgreSQL", pool],
  ["PGlite", pglite],
])("on %s", (_name, database) => {
  const node = createBank(database, { sweeps: false });
  const job = (owner: string) => node.as(owner, { name: "Payments job" });
  beforeAll(async () => {
    await node.migrate();
    await createLedger({ query: (text) => ("exec" in database ? database.exec(text) : database.query(text)) });
  });
  afterAll(() => node.close());

  test("a service takes a session from its start to its end, and the history names it", async () => {
    const { start, submit, read, receipt } = job("ada");
    const started = await start(transfer);
    if (started.status !== "accepted") throw new Error("The start was refused.");
    const { id } = started.session;
    expect(started).toMatchObject({ ...accepted(1), session: { progress: { current: "recipient" } } });

    expect(await submit(transfer, id, "recipient", to)).toMatchObject(accepted(2));
    const amount = await submit(transfer, id, "amount", { cents: 12_300 });
    expect(amount).toMatchObject({ ...accepted(3), session: { outputs: { amount: { feeCents: 25 } } } });
    const review = await submit(transfer, id, "review", { accepted: true }, { command: "review" });
    expect(review).toMatchObject({
      ...accepted(4),
      session: { status: "completed", result: { reference: `R-${id}` }, device: { name: "Payments job" } },
    });

    expect(await receipt(id, "review")).toEqual(accepted(4, true));
    expect(await receipt(id, "another")).toBeNull();
    expect(await read(transfer, id)).toEqual(review.session);
    expect(await new TestClient(node, "ada").read(id)).toMatchObject({ status: "completed", revision: 4 });
    const history = await loadHistory(createKysely<Tables>(database).withSchema("sessions"), "ada", id, keylessCipher);
    expect(history.map(({ body, content }) => ({ id: body.device, name: content.device }))).toEqual(
      Array.from({ length: 4 }, () => serviceDeviceOf("Payments job")),
    );
  });

  test("S2: a job that runs again has its effect once, also after others have changed the session, or it has ended", async () => {
    const owner = "grace";
    const session = uuidv7();
    const run = async () => {
      const { start, submit } = job(owner);
      return [
        await start(transfer, { session }),
        await submit(transfer, session, "recipient", to, { command: "order 17 recipient" }),
        await submit(transfer, session, "amount", { cents: 5 }, { command: "order 17 amount" }),
      ];
    };
    expect(await run()).toMatchObject([accepted(1), accepted(2), accepted(3)]);
    // A person changes the amount meanwhile.
    const { submit } = node.as(owner, { name: "Other job" });
    expect(await submit(transfer, session, "amount", { cents: 7 })).toMatchObject(accepted(4));
    expect(await run()).toMatchObject([accepted(1, true), accepted(2, true), accepted(3, true)]);
    expect(await job(owner).read(transfer, session)).toMatchObject({ revision: 4, data: { amount: { cents: 7 } } });

    const confirm = () => job(owner).submit(transfer, session, "review", { accepted: true }, { command: "confirm" });
    expect([await confirm(), await confirm()]).toMatchObject([accepted(5), accepted(5, true)]);
    expect(await run()).toMatchObject([accepted(1, true), accepted(2, true), accepted(3, true)]);
    if (database === pool) expect(await ledgerOf(pool, owner)).toHaveLength(1);
    // The same name for something else is a mistake of the job.
    expect(
      await job(owner).submit(transfer, session, "amount", { cents: 6 }, { command: "order 17 amount" }),
    ).toMatchObject({ status: "refused", refusal: { code: "command_mismatch" } });
    expect(await job(owner).start(notes, { session })).toMatchObject({ refusal: { code: "command_mismatch" } });
  });

  test("a draft is typed once, shows on the owner's devices, and a repeat changes nothing", async () => {
    const { start, draft } = job("mary");
    const session = uuidv7();
    await start(transfer, { session });
    expect(await draft(transfer, session, "amount", { cents: "12," })).toMatchObject(accepted(2));
    expect(await draft(transfer, session, "amount", { cents: "12," })).toMatchObject(accepted(2, true));
    expect(await draft(transfer, session, "amount", { cents: 12, note: "for Grace" })).toMatchObject({
      ...accepted(3),
      session: { drafts: { amount: { cents: 12, note: "for Grace" } } },
    });
    expect(await draft(transfer, session, "amount", { note: undefined })).toMatchObject(accepted(4));
    const laptop = new TestClient(node, "mary", "Laptop");
    expect(await laptop.read(session)).toMatchObject({ drafts: { amount: { cents: { value: 12 } } } });
  });

  test("a list has the sessions of one flow alone, page by page", async () => {
    const { start, cancel, list, read } = job("olga");
    const ids = Array.from({ length: 5 }, () => uuidv7());
    for (const session of ids) await start(notes, { session });
    const other = await start(transfer);
    for (const session of ids.slice(0, 2)) expect(await cancel(notes, session)).toMatchObject(accepted(2));

    const found: string[] = [];
    for (let after: Awaited<ReturnType<typeof list>>["next"] | undefined; after !== null;) {
      const page = await list(notes, { limit: 2, ...(after && { after }) });
      found.push(...[...page.active, ...page.ended].map(({ id }) => id));
      after = page.next;
    }
    expect(found.toSorted()).toEqual(ids);
    expect(found.slice(0, 3)).toEqual(ids.slice(2).toReversed());
    expect(await read(notes, other.session!.id)).toBeNull();
    await expect(list(notes, { limit: 101 })).rejects.toMatchObject({ code: "configuration_invalid" });
  });

  test("S24: a service exports an owner and erases them", async () => {
    const { start, submit, list, export: records, erase } = job("vera");
    const { id } = (await start(notes)).session!;
    await submit(notes, id, "left", { text: "typed" });
    const before = [];
    for await (const { kind } of records()) before.push(kind);
    expect(before).toEqual(["session", "session_event", "session_event", "device"]);
    expect(await erase()).toEqual({ sessions: 1, signIns: 0, rows: 1 });
    expect(await list(notes)).toEqual({ active: [], ended: [], next: null });
    const after = [];
    for await (const { kind } of records()) after.push(kind);
    expect(after).toEqual(["erasure"]);
  });
});
