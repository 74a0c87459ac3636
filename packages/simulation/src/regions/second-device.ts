import { PROTOCOL_VERSION, type WatchEvent } from "@sessions/core/internal";
import type { Sessions } from "@sessions/server";

export interface SecondDevice {
  /** When an event with the step's submission left the node, in milliseconds since 1970. */
  shownMs(step: string): number;
  leave(): void;
}

/** A second device of an owner, which watches through a node. */
export function watchSecondDevice(sessions: Sessions, user: string, now: () => number): SecondDevice {
  const leave = new AbortController();
  const shown = new Map<string, number>();
  const read = async () => {
    const caller = sessions.router.createCaller({ user }, { signal: leave.signal });
    const events = (await caller.watch({ protocol: PROTOCOL_VERSION, known: {} })) as AsyncIterable<WatchEvent>;
    for await (const { snapshots } of events) {
      for (const step of snapshots.flatMap((snapshot) => Object.keys(snapshot.submissions))) {
        if (!shown.has(step)) shown.set(step, now());
      }
    }
  };
  const reading = read();
  reading.catch(() => {});
  return {
    shownMs(step) {
      const ms = shown.get(step);
      if (ms === undefined) throw new Error(`The second device has not seen the step "${step}".`);
      return ms;
    },
    leave: () => leave.abort(),
  };
}
