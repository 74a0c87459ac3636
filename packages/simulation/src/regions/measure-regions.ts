import { watchSecondDevice } from "./second-device.ts";
import { PROTOCOL_VERSION, type Command } from "@sessions/core/internal";
import { Clock } from "../clock.ts";
import { firstDeployment } from "../flows.ts";
import { installGlobals } from "../globals.ts";
import type { SimulatedDatabase } from "../nodes/database.ts";
import { START_MS } from "../world.ts";
import { devices, draft, idOf, start, submit, typedBy } from "../../../core/src/testing/commands.ts";
import { startRegionNodes, type RegionNode } from "./region-nodes.ts";
import { regions, roundTripMs, type Region } from "./regions.ts";

/** One person in one region, whose data is in another one, or in the same. Times are simulated milliseconds. */
export interface RegionMeasurement {
  readonly person: Region;
  readonly home: Region;
  /** The region of the node that answers: the person's, or the data's. */
  readonly node: Region;
  readonly startMs: number;
  readonly draftMs: number;
  readonly submitMs: number;
  /** A step whose handler runs in the transaction. */
  readonly handledMs: number;
  readonly readMs: number;
  /** From the answer on this device until a second device, in the data's region, shows the submission. */
  readonly elsewhereMs: number;
}

const [phone] = devices;

/** Measures each region's person against each region's data, through the node beside the person and beside the data. */
export async function measureRegions(database: SimulatedDatabase): Promise<readonly RegionMeasurement[]> {
  const found: RegionMeasurement[] = [];
  for (const home of regions) {
    await database.reset();
    const clock = new Clock(START_MS, database.waitUntilIdle);
    // Work that makes room for other work, because the processor is busy, takes no simulated time.
    const uninstall = installGlobals(clock, () => 0);
    try {
      const nodes = startRegionNodes(clock, database, firstDeployment, home);
      for (const person of regions) {
        for (const node of new Set([person, home])) {
          found.push(await measure({ clock, nodes, person, home, node, number: found.length }));
        }
      }
      for (const { sessions } of nodes.values()) await clock.until(sessions.close());
    } finally {
      uninstall();
    }
  }
  return found;
}

interface Case {
  readonly clock: Clock;
  readonly nodes: ReadonlyMap<Region, RegionNode>;
  readonly person: Region;
  readonly home: Region;
  readonly node: Region;
  readonly number: number;
}

async function measure({ clock, nodes, person, home, node, number }: Case): Promise<RegionMeasurement> {
  const user = `owner ${number}`;
  const session = idOf(1_000 + number);
  const { router } = nodes.get(node)!.sessions;
  const caller = router.createCaller({ user });
  const way = roundTripMs(person, node);

  const timeOf = async (call: () => Promise<unknown>): Promise<number> => {
    const beganMs = clock.nowMs;
    await clock.until(call());
    return clock.nowMs - beganMs + way;
  };
  const push = async (command: Command) => {
    const ms = await timeOf(async () => {
      const { outcomes } = await caller.push({ protocol: PROTOCOL_VERSION, device: phone, commands: [command] });
      if (outcomes[0]?.status !== "accepted") throw new Error(`The ${command.kind} is not accepted.`);
    });
    return ms;
  };

  // The first start of an owner makes rows that later ones find.
  await push(start(idOf(2_000 + number), "transfer"));
  const startMs = await push(start(session, "transfer"));
  const second = watchSecondDevice(nodes.get(home)!.sessions, user, () => clock.nowMs);
  await clock.advance(1_000);
  const draftMs = await push(draft(session, "recipient", typedBy(phone, { name: "Ada" }, clock.nowMs)));
  const submitMs = await push(
    submit(session, "recipient", { name: "Ada", iban: "BE68539007547034" }, unseen("recipient")),
  );
  const answeredMs = clock.nowMs + way / 2;
  await clock.advance(1_000);
  const elsewhereMs = second.shownMs("recipient") + roundTripMs(home, home) / 2 - answeredMs;
  const handledMs = await push(submit(session, "amount", { cents: 500 }, unseen("amount")));
  const readMs = await timeOf(() => caller.read({ session }));
  second.leave();
  await clock.advance(1_000);
  return { person, home, node, startMs, draftMs, submitMs, handledMs, readMs, elsewhereMs };
}

/** Nobody had submitted the step. */
const unseen = (step: string) => ({ seen: { [step]: null } });
