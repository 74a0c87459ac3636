import { z } from "zod";
import {
  advance,
  defineFlow,
  expireIfDue,
  progressOf,
  step,
  type AnyFlow,
  type Snapshot,
} from "@sessions/core/internal";
import { cancel, start, submit } from "../../../../core/src/testing/commands.ts";
import type { Count, FunnelEntry } from "../../funnels/session-rules.ts";

const number = z.object({ n: z.number() });
const steps = {
  amount: step({ input: number }),
  reason: step({ input: number, dependsOn: ["amount"] }),
  review: step({ input: number, dependsOn: ["amount"] }),
};
/** Large amounts need a reason. */
const first = defineFlow({
  name: "loan",
  version: 1,
  steps,
  path: ({ amount }) => (amount && amount.n > 5 ? ["amount", "reason", "review"] : ["amount", "review"]),
});
const second = defineFlow({
  name: "loan",
  version: 2,
  steps: { sum: step({ input: number }), check: step({ input: number, dependsOn: ["sum"] }) },
  migrate: { 1: { amount: { to: "sum" }, review: { to: "check" } } },
});
const devices = ["0190b2f4-0000-7000-8000-00000000000a", "0190b2f4-0000-7000-8000-00000000000b"];

/** Numbers below 2³², the same ones for a seed. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** The entries of a session that somebody goes through with corrections, branches, a deploy, other devices and an end. */
export function historyOf(seed: number): readonly FunnelEntry[] {
  const random = randomFrom(seed);
  const session = "0190b2f4-0000-7000-8000-000000000001";
  const entries: FunnelEntry[] = [];
  let count = 0;
  let nowMs = Date.UTC(2026, 10, 1) + random(60) * 86_400_000;
  let flow: AnyFlow = first;
  let snapshot: Snapshot | null = null;
  const id = () => `0190b2f4-0000-7000-8000-${String((count += 1)).padStart(12, "0")}`;
  const note = (next: Snapshot, submitted: string | null, liftedSteps: readonly string[] | null) => {
    const { version, status } = next;
    const current = status === "active" ? progressOf(flow, next.data).current : null;
    entries.push({
      owner: "ada",
      session,
      flow: "loan",
      version,
      atMs: nowMs,
      device: next.device.id,
      status,
      current,
      submitted,
      // A draft may have come at any time before the submission.
      draftedMs: submitted !== null && random(3) > 0 ? nowMs - random(200_000) : null,
      liftedSteps,
    });
    snapshot = next;
  };
  const take = (command: Parameters<typeof advance>[2]) => {
    const device = { id: devices[random(2)]!, name: "Device" };
    const advanced = advance(flow, snapshot, command, { device, nowMs });
    if (!advanced.accepted || advanced.change === null) return;
    const { change } = advanced;
    note(
      advanced.session,
      change.kind === "submit" ? change.step : null,
      change.lifted ? Object.keys(change.lifted.submissions) : null,
    );
  };

  take(start(session, "loan", { id: id() }));
  // TypeScript does not see that `take` has set it.
  while ((snapshot as unknown as Snapshot).status === "active" && count < 30) {
    nowMs += random(5) === 0 ? random(40) * 86_400_000 : random(100_000);
    const now: Snapshot = snapshot!;
    const expired = expireIfDue(now, nowMs);
    if (expired !== now) {
      note(expired, null, null);
      break;
    }
    if (flow === first && random(20) === 0) flow = second;
    if (random(15) === 0) {
      take(cancel(session, { id: id(), version: flow.version }));
      continue;
    }
    const names = Object.keys(flow.steps);
    const name = names[random(names.length)]!;
    const seen = Object.fromEntries(
      names.map((one) => [one, now.version === flow.version ? (now.submissions[one]?.command ?? null) : null]),
    );
    take(submit(session, name, { n: random(10) }, { id: id(), seen, version: flow.version }));
  }
  return entries;
}

/** What is counted, as a text. */
export const countKey = ({ version, step, counted }: Pick<Count, "version" | "step" | "counted">) =>
  `${version} ${step ?? "session"} ${counted}`;

/** How long everything took that has a time, in milliseconds: the sums by {@link countKey}, from the whole of each history at once. */
export function bruteForceMs(histories: readonly (readonly FunnelEntry[])[]): Map<string, number> {
  const sums = new Map<string, number>();
  const add = (count: Pick<Count, "version" | "step" | "counted">, ms: number) =>
    sums.set(countKey(count), (sums.get(countKey(count)) ?? 0) + ms);
  for (const history of histories) {
    const last = history.at(-1)!;
    if (last.status === "completed") {
      add({ version: last.version, step: null, counted: "completed" }, last.atMs - history[0]!.atMs);
    }
    for (const version of new Set(history.map((entry) => entry.version))) {
      const part = history.filter((entry) => entry.version === version);
      const lifted = part[0]!.liftedSteps ?? [];
      for (const step of new Set(part.flatMap(({ submitted }) => submitted ?? []))) {
        if (lifted.includes(step)) continue;
        const came = part.find(({ submitted, current }) => submitted === step || current === step)!.atMs;
        const { atMs, draftedMs } = part.find(({ submitted }) => submitted === step)!;
        add({ version, step, counted: "submitted" }, atMs - came);
        if (draftedMs === null) continue;
        add({ version, step, counted: "drafted" }, Math.max(0, draftedMs - came));
        add({ version, step, counted: "typed" }, atMs - Math.max(draftedMs, came));
      }
    }
  }
  return sums;
}

/** The same numbers, from the whole of each history at once. */
export function bruteForce(histories: readonly (readonly FunnelEntry[])[]): Map<string, number> {
  const numbers = new Map<string, number>();
  const add = (version: number, step: string | null, counted: Count["counted"], by = 1) => {
    if (by > 0)
      numbers.set(countKey({ version, step, counted }), (numbers.get(countKey({ version, step, counted })) ?? 0) + by);
  };
  for (const history of histories) {
    const [begin] = history;
    const last = history.at(-1)!;
    add(begin!.version, null, "started");
    for (const version of new Set(history.map((entry) => entry.version))) {
      const part = history.filter(
        (entry) => entry.version === version && entry.status !== "cancelled" && entry.status !== "expired",
      );
      const lifted = part[0]?.liftedSteps ?? [];
      if (part[0]?.liftedSteps) add(version, null, "lifted_in");
      const submittedHere = part.flatMap(({ submitted }) => submitted ?? []);
      for (const step of new Set(submittedHere)) {
        const { draftedMs } = part.find(({ submitted }) => submitted === step)!;
        for (const counted of ["drafted", "typed"] as const)
          add(version, step, counted, draftedMs === null || lifted.includes(step) ? 0 : 1);
        const times = submittedHere.filter((one) => one === step).length;
        add(version, step, "submitted", lifted.includes(step) ? 0 : 1);
        add(version, step, "corrected", lifted.includes(step) ? times : times - 1);
      }
      const stood = part.flatMap(({ submitted, current }) => [submitted, current]).filter((step) => step !== null);
      for (const step of new Set(stood)) add(version, step, "entered", lifted.includes(step) ? 0 : 1);
    }
    const versions = history.filter(({ status }) => status === "active" || status === "completed");
    for (const [index, entry] of versions.entries()) {
      const before = versions[index - 1];
      if (before === undefined || before.version === entry.version) continue;
      add(before.version, null, "lifted_out");
      add(before.version, before.current, "lifted_out");
    }
    const open = versions.at(-1)!;
    if (last.status === "completed") {
      add(last.version, null, "completed");
      if (last.device !== begin!.device) add(last.version, null, "completed_elsewhere");
    } else if (last.status === "cancelled" || last.status === "expired") {
      add(open.version, null, last.status);
      add(open.version, open.current, last.status);
    }
  }
  return numbers;
}
