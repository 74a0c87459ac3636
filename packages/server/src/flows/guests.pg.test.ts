import { v7 as uuidv7 } from "uuid";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import {
  defineFlow,
  guestChanges,
  PROTOCOL_VERSION,
  step,
  type Command,
  type GuestChange,
  type Snapshot,
  type WatchEvent,
} from "@sessions/core/internal";
import { createSessions, serve, type Identity, type SessionsOptions } from "../index.ts";
import { cancel, draft, start, submit, TestClient } from "../testing/bank.ts";
import { emptyPGlite } from "../testing/pglite.ts";
import { freshDatabase } from "../testing/postgres.ts";
import { testKeys } from "../testing/secrets/keys.ts";
import type { guestProcedures } from "./configuration/guest.ts";

const payment = defineFlow({
  name: "payment",
  version: 1,
  steps: {
    amount: step({ input: z.object({ cents: z.int() }) }),
    note: step({ input: z.object({ text: z.string() }) }),
    code: step({ input: z.object({ code: z.string() }), sensitive: true, fresh: "5m" }),
    pay: step({ input: z.object({ accepted: z.literal(true) }), dependsOn: ["amount"], confirm: true }),
  },
});
const survey = defineFlow({
  name: "survey",
  version: 1,
  steps: { answer: step({ input: z.object({ text: z.string() }) }) },
  expires: { idle: "10m", absolute: "1h" },
});
let aheadMs = 0;
const now = () => Date.now() + aheadMs;

const guests = new Map<string, Identity>();

/** Owners sign in by their name. A guest is known by a name of its own. */
function createNode(database: SessionsOptions<object>["database"]) {
  return createSessions<{ readonly user?: string }>({
    database,
    sweeps: false,
    now,
    identify: ({ user = "" }) => guests.get(user) ?? { owner: user, provedAt: now() },
    keys: testKeys,
    flows: [serve(payment, {}), serve(survey, {})],
  });
}

const { pool } = await freshDatabase();
const pglite = await emptyPGlite();
afterAll(() => pglite.close());

describe.each([
  ["PostgreSQL", createNode(pool)],
  ["PGlite", createNode(pglite)],
] as const)("on %s", (_, node) => {
  beforeAll(() => node.migrate());
  afterAll(() => node.close());

  /** An owner with two sessions, a payment at its code and another, and a guest of the first. */
  async function handedOver(flow = "payment") {
    const owner = uuidv7();
    const [ada, session, other] = [new TestClient(node, owner), uuidv7(), uuidv7()];
    const amount = submit(session, "amount", { cents: 5 });
    await ada.push(start(session, flow), ...(flow === "payment" ? [amount] : []));
    await ada.push(start(other, "payment"));
    let told = 0;
    const name = uuidv7();
    guests.set(name, { owner, guest: { session, onSessionEnded: () => void (told += 1) } });
    return { owner, ada, session, other, amount, guest: new TestClient(node, name), name, told: () => told };
  }

  /** Reads the stream of a user until it ends, or until `stop`. */
  async function stream(user: string) {
    const controller = new AbortController();
    const caller = node.router.createCaller({ user }, { signal: controller.signal });
    const events = (await caller.watch({ protocol: PROTOCOL_VERSION, known: {} })) as AsyncIterable<WatchEvent>;
    const seen: Snapshot[] = [];
    const first = Promise.withResolvers<void>();
    let wake = () => {};
    const ended = (async () => {
      for await (const { snapshots } of events) {
        seen.push(...snapshots);
        first.resolve();
        wake();
      }
    })();
    await first.promise;
    const until = async (fits: () => boolean) => {
      while (!fits()) await new Promise<void>((resolve) => (wake = resolve));
    };
    return { seen, until, stop: () => (controller.abort(), ended) };
  }

  const refused = (code: string) => ({ status: "refused", refusal: { code } });

  test("S21: a guest fills in one session, and neither starts, confirms, proves nor ends anything", async () => {
    const { session, amount, guest, ada } = await handedOver();
    const byChange: Readonly<Record<Exclude<GuestChange, "adopt" | "lift">, readonly Command[]>> = {
      start: [start(uuidv7(), "payment")],
      draft: [draft(session, "amount", "cents", "7,")],
      submit: [submit(session, "amount", { cents: 7 }, { amount: amount.id }), submit(session, "note", { text: "n" })],
      confirm: [submit(session, "code", { code: "1" }, {})],
      end: [cancel(session)],
    };
    for (const [change, commands] of Object.entries(byChange)) {
      const { outcomes } = await guest.push(...commands);
      const isAllowed = guestChanges[change as GuestChange] === "allowed";
      expect(outcomes, change).toMatchObject(
        commands.map(() => (isAllowed ? { status: "accepted" } : refused("guest"))),
      );
    }
    expect(await ada.read(session)).toMatchObject({ status: "active", data: { amount: { cents: 7 } } });
    const code = submit(session, "code", { code: "1" });
    expect(await ada.one(code)).toMatchObject({ status: "accepted" });
    const seen = (await ada.read(session))!.submissions;
    const pay = submit(session, "pay", { accepted: true }, { pay: null, amount: seen["amount"]!.command });
    expect(await guest.one(pay)).toEqual(refused("guest"));
    expect(await ada.one(pay)).toMatchObject({ status: "accepted" });
    expect((await ada.list()).active).toHaveLength(1);
  });

  test("S9: S21: in every procedure, the owner's other sessions are for a guest as if they did not exist", async () => {
    const { owner, ada, session, other, guest, name } = await handedOver();
    const begun = start(uuidv7(), "payment");
    await ada.one(begun);
    const input = { protocol: PROTOCOL_VERSION, known: { [other]: 0, [uuidv7()]: 3 } };
    const watched = await stream(name);
    const found: Readonly<Record<keyof typeof guestProcedures, () => Promise<unknown>>> = {
      read: async () => [await guest.read(other), await guest.read(uuidv7())],
      receipt: async () => [
        (await guest.caller.receipt({ session: begun.session, command: begun.id })).outcome,
        (await guest.caller.receipt({ session: uuidv7(), command: begun.id })).outcome,
      ],
      push: async () => {
        const note = (of: string) => [submit(of, "note", { text: "n" }), draft(of, "note", "text", "n"), cancel(of)];
        const { outcomes, snapshots } = await guest.push(...note(other), ...note(uuidv7()), start(other, "payment"));
        expect(outcomes).toEqual([...Array.from({ length: 6 }, () => refused("not_found")), refused("guest")]);
        return snapshots;
      },
      list: async () => {
        const { active, ended, next } = await guest.list();
        expect(await guest.list("survey")).toMatchObject({ active: [], ended: [] });
        expect([active.map(({ id }) => id), next]).toEqual([[session], null]);
        return ended;
      },
      changes: async () => {
        const { snapshots, more } = await guest.caller.changes(input);
        expect([snapshots.map(({ id }) => id), more]).toEqual([[session], false]);
        expect(await guest.caller.changes({ ...input, after: session })).toMatchObject({ snapshots: [] });
        return [];
      },
      watch: async () => {
        await ada.one(submit(other, "amount", { cents: 9 }));
        await ada.one(draft(session, "note", "text", "seen"));
        await watched.until(() => watched.seen.some(({ drafts }) => "note" in drafts));
        expect(new Set(watched.seen.map(({ id }) => id))).toEqual(new Set([session]));
        return [];
      },
    };
    for (const [procedure, look] of Object.entries(found)) {
      expect((await look()) as unknown[], procedure).toEqual(
        procedure === "read" || procedure === "receipt" ? [null, null] : [],
      );
    }
    await watched.stop();
    expect(await new TestClient(node, owner).read(other)).toMatchObject({ data: { amount: { cents: 9 } } });
  });

  test("an owner's own stream beside that of a guest shows all sessions", async () => {
    const { owner, ada, other, name } = await handedOver();
    const [own, guests] = [await stream(owner), await stream(name)];
    await ada.one(submit(other, "amount", { cents: 9 }));
    await own.until(() => own.seen.some(({ id, data }) => id === other && "amount" in data));
    await Promise.all([own.stop(), guests.stop()]);
    expect(guests.seen.some(({ id }) => id === other)).toBe(false);
  });

  test("S21: a guest is told the end of the session, and then let in no more", async () => {
    const { ada, session, guest, name, told } = await handedOver();
    const watched = await stream(name);
    expect(told()).toBe(0);
    await ada.one(cancel(session));
    await watched.until(() => watched.seen.at(-1)?.status === "cancelled");
    await watched.stop();
    expect(told()).toBe(1);
    for (const [asked, ask] of [
      ["read", () => guest.read(session)],
      ["list", () => guest.list()],
      ["push", () => guest.one(draft(session, "note", "text", "late"))],
      ["changes", () => guest.caller.changes({ protocol: PROTOCOL_VERSION, known: {} })],
    ] as const) {
      const before = told();
      await ask();
      expect(told(), asked).toBe(before + 1);
    }
  });

  test("S21: a guest is told that the session has expired, and then let in no more", async () => {
    const { session, guest, told } = await handedOver("survey");
    expect(await guest.read(session)).toMatchObject({ status: "active" });
    aheadMs += 10 * 60_000 + 1;
    expect(await guest.one(submit(session, "answer", { text: "late" }))).toMatchObject(refused("expired"));
    expect(await guest.read(session)).toMatchObject({ status: "expired" });
    expect(told()).toBeGreaterThan(0);
  });

  test("a guest may complete a session whose last step needs no confirmation, and gets the receipt", async () => {
    const { session, guest, told } = await handedOver("survey");
    const answer = submit(session, "answer", { text: "yes" });
    expect(await guest.one(answer)).toMatchObject({ status: "accepted" });
    expect((await guest.caller.receipt({ session, command: answer.id })).outcome).toMatchObject({ replayed: true });
    expect(told()).toBe(1);
  });
});
