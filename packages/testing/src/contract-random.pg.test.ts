import fc from "fast-check";
import { v7 as uuidv7 } from "uuid";
import { afterAll, test } from "vitest";
import type { Json } from "@sessions/core/internal";
import type {} from "../../server/src/testing/global-setup.ts";
import { repetitions } from "../../../scripts/repetitions.ts";
import { cancel, devices, draft, idOf, start, START_MS, submit, typedBy } from "../../core/src/testing/commands.ts";
import { freshDatabase } from "../../server/src/testing/postgres.ts";
import { Both } from "./testing/contract/both.ts";
import { memorySubject, postgresSubject } from "./testing/contract/subject.ts";

const { pool } = await freshDatabase();
let nowMs = () => 0;
const real = await postgresSubject(pool, () => nowMs());
afterAll(() => real.close());

const inputs: Readonly<Record<string, readonly Json[]>> = {
  payee: [{ name: "Grace" }, { name: " Ada " }, { name: "" }],
  recipient: [{ fullName: "Grace" }],
  address: [{ street: "Elm" }, { street: " Oak ", zip: "1" }],
  amount: [{ euros: 5 }, { euros: 900 }, { euros: 13 }, { euros: 16 }, { cents: 5 }],
  origin: [{ a: 1 }, { b: ["x"] }],
  pin: [{ code: "1234" }, { code: "1" }],
  place: [{ accepted: true }],
};
/** Fields of drafts. The steps have most of them. */
const fields: Readonly<Record<string, readonly string[]>> = {
  payee: ["name", "name", "title"],
  recipient: ["fullName"],
  address: ["street", "zip"],
  amount: ["euros", "euros", "cents"],
  origin: ["a", "b", "c"],
  pin: ["code"],
  place: ["accepted"],
};
const steps = fc.constantFrom(...Object.keys(inputs));
const sessionOf = (nth: number) => `01900000-0000-7000-8000-00000000000${nth}`;
const session = fc.constantFrom(0, 0, 1);
const device = fc.constantFrom(...devices);

/** One thing that happens. A number of a command stands for its id. */
const action = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("start" as const), session, device }) },
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant("submit" as const),
      session,
      device,
      step: steps,
      nth: fc.nat(3),
      sees: fc.boolean(),
      version: fc.constantFrom(1, 1, 1, 2),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("drafts" as const),
      session,
      device,
      step: steps,
      texts: fc.array(fc.tuple(fc.nat(3), fc.nat(3), fc.nat(9)), {
        minLength: 1,
        maxLength: 3,
      }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("cancel" as const), session, device }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("repeat" as const), nth: fc.nat(9), device }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("wait" as const), minutes: fc.constantFrom(1, 50, 100) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("deploy" as const), version: fc.constantFrom("first", "next") }),
  },
);

test("whatever two devices send, both servers answer the same", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(action, { minLength: 5, maxLength: 25 }), async (actions) => {
      const both = new Both((now) => {
        nowMs = now;
        return [real, memorySubject(now)];
      });
      both.deploy("first");
      both.signIn({ owner: uuidv7(), provedAt: START_MS });
      await perform(both, actions);
    }),
    { numRuns: repetitions({ few: 25, many: 1_000 }) },
  );
}, 600_000);

async function perform(both: Both, actions: readonly (typeof action extends fc.Arbitrary<infer A> ? A : never)[]) {
  const sent: { readonly id: string; readonly session: string }[] = [];
  let ids = 0;
  const id = () => idOf((ids += 1));
  const seenOf = async (of: string) => {
    const { submissions = {} } = (await both.read(of)) ?? {};
    return Object.fromEntries(Object.entries(submissions).map(([step, { command }]) => [step, command]));
  };
  const push = (
    commands: readonly { readonly id: string; readonly session: string }[],
    from: (typeof devices)[number],
  ) => {
    sent.push(...commands);
    return both.push(commands, from);
  };
  await push([start(sessionOf(0), "order", { id: id() })], devices[0]);
  for (const one of actions) {
    if (one.kind === "wait") both.nowMs += one.minutes * 60_000;
    else if (one.kind === "deploy") both.deploy(one.version);
    else if (one.kind === "repeat") {
      const again = sent.at(-1 - one.nth);
      if (again) await both.push([again], one.device);
    } else {
      const of = sessionOf(one.session);
      if (one.kind === "start") await push([start(of, "order", { id: id() })], one.device);
      if (one.kind === "cancel") await push([cancel(of, { id: id() })], one.device);
      if (one.kind === "submit") {
        const seen = one.sees ? await seenOf(of) : {};
        const input = inputs[one.step]![one.nth % inputs[one.step]!.length]!;
        await push([submit(of, one.step, input, { id: id(), seen, version: one.version })], one.device);
      }
      if (one.kind === "drafts") {
        const fieldsOf = (nth: number, value: number, seconds: number) => {
          const field = fields[one.step]![nth % fields[one.step]!.length]!;
          return typedBy(one.device, { [field]: value === 0 ? undefined : String(value) }, START_MS + seconds * 1_000);
        };
        const drafts = one.texts.map((text) => draft(of, one.step, fieldsOf(...text), { id: id() }));
        await push(drafts, one.device);
      }
    }
  }
  for (const nth of [0, 1]) await both.read(sessionOf(nth));
  await both.call("list", { flow: null, limit: 10, after: null });
}
