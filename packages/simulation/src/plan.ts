import fc from "fast-check";
import type { DiskState } from "./browser/disk.ts";
import { MAX_OPEN } from "./flows.ts";
import type { NodeFault } from "./nodes/node.ts";
import type { NetworkConditions } from "./network-conditions.ts";
import type { SleepKind } from "./browser/tab.ts";

/** An action of a person. The numbers choose among the tabs, sessions and steps that exist at that moment. */
export interface PersonAction {
  readonly kind: "person";
  readonly tab: number;
  readonly session: number;
  readonly does: "start" | "go on" | "submit" | "draft" | "cancel" | "retry" | "discard" | "peek" | "claim";
  readonly value: number;
}

/** One event, and how long after the event before it. */
export type Action = { readonly afterMs: number } & (
  | PersonAction
  | { readonly kind: "tab"; readonly tab: number; readonly does: TabAction }
  /** Every tab of an owner submits all `confirm` steps that it can, at one moment. */
  | { readonly kind: "confirm all"; readonly owner: number }
  /** Every device sleeps. */
  | { readonly kind: "sleep"; readonly minutes: number }
  /** The next version of the flows: nodes restart one after another, pages have it when they are loaded. */
  | { readonly kind: "deploy"; readonly what: "nodes" | "pages" }
  | { readonly kind: "disk"; readonly device: number; readonly does: DiskState | "close" | "evict" | "clear" }
  | { readonly kind: "network"; readonly device: number; readonly conditions: NetworkConditions }
  | { readonly kind: "node"; readonly node: number; readonly fault: NodeFault }
  | { readonly kind: "crash node"; readonly node: number }
  | { readonly kind: "bus"; readonly loss: number }
  | { readonly kind: "sweep"; readonly node: number }
  | { readonly kind: "wait"; readonly minutes: number }
);

type TabAction = "open" | "reload" | "close" | "crash" | "sign out" | SleepKind;

/** All events of a world. */
export interface Plan {
  /** Seeds all that the plan leaves open: delays, and which node gets a request. */
  readonly randomSeed: number;
  /** How many transfers wait for their review when it begins. */
  readonly reviews: number;
  readonly actions: readonly Action[];
}

/** The largest number of events in one world. */
const MOST_ACTIONS = 40;

const number = fc.nat(11);
const share = fc.constantFrom(0, 0, 0.2, 0.5);

const person = fc.record({
  kind: fc.constant("person" as const),
  tab: number,
  session: fc.nat(3),
  does: fc.oneof(
    { weight: 3, arbitrary: fc.constant("start" as const) },
    { weight: 14, arbitrary: fc.constant("go on" as const) },
    { weight: 4, arbitrary: fc.constant("submit" as const) },
    { weight: 6, arbitrary: fc.constant("draft" as const) },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        "cancel" as const,
        "retry" as const,
        "discard" as const,
        "peek" as const,
        "claim" as const,
      ),
    },
  ),
  value: number,
});

const conditions = fc.record({
  away: fc.boolean(),
  requestsLost: share,
  repliesLost: share,
  duplicated: share,
  slowestMs: fc.constantFrom(20, 60, 400, 3_000),
});

const fault = fc.record({
  kind: fc.constantFrom("statement" as const, "commit" as const),
  after: fc.nat(4),
  result: fc.constantFrom("never arrives" as const, "answer lost" as const),
  dies: fc.boolean(),
});

const disk = fc.constantFrom<DiskState | "close" | "evict" | "clear">(
  "fine",
  "refused",
  "full",
  "frozen",
  "absent",
  "close",
  "evict",
  "clear",
);
const tab = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom<TabAction>(
      "open",
      "open",
      "reload",
      "close",
      "crash",
      "crash",
      "suspended",
      "frozen",
      "cached",
    ),
  },
  { weight: 1, arbitrary: fc.constant<TabAction>("sign out") },
);

const minutes = fc.constantFrom(1, 5, 29, 31, 31);

const action = fc.oneof(
  { weight: 60, arbitrary: person },
  { weight: 12, arbitrary: fc.record({ kind: fc.constant("tab" as const), tab: number, does: tab }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("confirm all" as const), owner: number }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("disk" as const), device: number, does: disk }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant("network" as const), device: number, conditions }) },
  { weight: 12, arbitrary: fc.record({ kind: fc.constant("node" as const), node: number, fault }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("crash node" as const), node: number }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("bus" as const), loss: fc.constantFrom(0, 0.5, 1) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("sweep" as const), node: number }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("deploy" as const), what: fc.constantFrom("nodes", "pages") }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("wait" as const), minutes: minutes }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("sleep" as const), minutes: minutes }) },
);

const afterMs = fc.oneof(
  { weight: 3, arbitrary: fc.nat(40) },
  { weight: 4, arbitrary: fc.nat(1_500) },
  { weight: 1, arbitrary: fc.nat(8_000) },
);

/** Plans from which any part can be left out: a failing one is shrunk so. */
export const plans: fc.Arbitrary<Plan> = fc.noBias(
  fc.record({
    randomSeed: fc.noShrink(fc.nat(0x7fffffff)),
    reviews: fc.constantFrom(0, 0, 0, MAX_OPEN),
    actions: fc.array(
      fc.tuple(afterMs, action).map(([ms, what]): Action => ({ afterMs: ms, ...what })),
      { minLength: 0, maxLength: MOST_ACTIONS, size: "max" },
    ),
  }),
);
