import type { Json, Snapshot, Stamp } from "@sessions/core/internal";
import { expect, test } from "vitest";
import type { SimulatedDevice, Tab } from "../browser/tab.ts";
import { DraftChecks } from "./drafts.ts";

const [owner, session] = ["ada", "0190b2f4-0000-7000-8000-0000000000ff"];
const [phone, laptop] = ["phone-id", "laptop-id"];
const stampOf = (device: string, second: number): Stamp => `00000000000000${second}-0000-${device}`;
const draftsOf = (value: Json, at: Stamp) => ({ amount: { cents: { value, at } } });

function snapshotWith(changes: Partial<Snapshot>): Snapshot {
  const moment = new Date(0).toISOString();
  const empty = { data: {}, inputs: {}, outputs: {}, submissions: {}, drafts: {} };
  return {
    id: session,
    flow: "transfer",
    version: 1,
    revision: 2,
    status: "active",
    ...empty,
    device: { id: phone, name: "phone" },
    startedAt: moment,
    updatedAt: moment,
    expiresAt: moment,
    endedAt: null,
    result: null,
    ...changes,
  };
}

/** A phone on which somebody has typed 5 in the second second, and whose disk has sent it since. */
async function typedOnPhone(): Promise<DraftChecks> {
  const checks = new DraftChecks();
  let drafts: Snapshot["drafts"] = draftsOf(5, stampOf(phone, 2));
  const disk = { recordOf: () => ({ drafts, otherVersionDrafts: [], shelved: [] }) };
  // The checks look at no more of a device than this.
  const device = { name: "phone", disk } as unknown as SimulatedDevice;
  const stored = Promise.resolve();
  checks.onTyped({ owner, device } as Tab, session, "amount", { cents: 5 }, stored);
  await stored;
  drafts = {};
  return checks;
}

test("a draft that stands on the server is not reported as gone, whatever stood there before it came", async () => {
  const checks = await typedOnPhone();
  // A newer one of another device, which the phone's own submission has taken away.
  checks.onSnapshot(owner, snapshotWith({ drafts: draftsOf(9, stampOf(laptop, 3)) }));
  const truth = snapshotWith({ drafts: draftsOf(5, stampOf(phone, 2)) });
  checks.onSnapshot(owner, truth);
  expect(() => checks.checkAtRest(owner, [truth])).not.toThrow();
});

test("a draft is reported as gone if something else stands in its place, or nothing", async () => {
  for (const drafts of [{}, draftsOf(9, stampOf(laptop, 1)), draftsOf(9, stampOf(laptop, 3))]) {
    const checks = await typedOnPhone();
    const truth = snapshotWith({ drafts });
    checks.onSnapshot(owner, truth);
    expect(() => checks.checkAtRest(owner, [truth])).toThrow(/amount.cents typed in 00ff on phone is gone/);
  }
});
