import { setTimeout } from "node:timers/promises";
import { v7 as uuidv7 } from "uuid";
import { PROTOCOL_VERSION, type WatchEvent } from "@sessions/core/internal";
import type { Sessions } from "../../index.ts";
import { cancel, draft, start, submit, TestClient } from "../bank.ts";
import type { Random } from "../random.ts";

/** The work done so far. */
export interface Done {
  pushes: number;
  completed: number;
  watched: number;
  lists: number;
}

/** Each owner writes this many sessions and never returns. The server must then free the memory of that owner. */
const SESSIONS_PER_OWNER = 25;

/** Acts as one person after another, with transfers, notes and lists, until it is stopped. */
export async function write(
  nodes: readonly Sessions[],
  random: Random,
  done: Done,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const owner = uuidv7();
    const devices = nodes.map((node) => new TestClient(node, owner));
    for (let written = 0; written < SESSIONS_PER_OWNER && !signal.aborted; written += 1) {
      const teller = random.pick(devices);
      if (random.next() < 0.4) {
        const { review } = await teller.untilReview();
        const { status } = await random.pick(devices).one(review);
        if (status === "accepted") done.completed += 1;
        done.pushes += 2;
      } else {
        const note = uuidv7();
        await teller.push(start(note, "notes"), submit(note, "left", { text: "l" }));
        for (let index = 0; index < 5; index += 1)
          await random.pick(devices).one(draft(note, "right", `f${index}`, index));
        if (random.next() < 0.7) await teller.one(cancel(note));
        done.pushes += 7;
      }
      if (random.next() < 0.2) {
        await teller.list();
        done.lists += 1;
      }
    }
  }
}

/** Opens one watcher after another, each for a short time. The session of its owner changes meanwhile. */
export async function watch(
  nodes: readonly Sessions[],
  random: Random,
  done: Done,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    const owner = uuidv7();
    const controller = new AbortController();
    const caller = random.pick(nodes).router.createCaller({ user: owner }, { signal: controller.signal });
    const stream = (await caller.watch({ protocol: PROTOCOL_VERSION, known: {} })) as AsyncIterable<WatchEvent>;
    const reading = (async () => {
      for await (const _ of stream) done.watched += 1;
    })();
    const teller = new TestClient(random.pick(nodes), owner);
    const note = uuidv7();
    await teller.push(start(note, "notes"), draft(note, "right", "seen", 1));
    await setTimeout(random.between(1, 200));
    controller.abort();
    await reading;
  }
}
