import { createSessions, type Bus, type BusListener, type Sessions } from "@sessions/server";
import type { Clock } from "../clock.ts";
import type { Deployment } from "../flows.ts";
import { aroundCalls } from "../nodes/around-calls.ts";
import type { SimulatedDatabase } from "../nodes/database.ts";
import { regions, roundTripMs, type Region } from "./regions.ts";

export interface RegionNode {
  readonly region: Region;
  readonly sessions: Sessions;
  /** How many ways there and back to the database the node has waited for. */
  readonly roundTrips: () => number;
}

/**
 * A node in each region, and one database in the region `home`. Each statement waits for the way there and back; a notice
 * of the bus takes one way to the database's region, and one way from there.
 */
export function startRegionNodes(
  clock: Clock,
  database: SimulatedDatabase,
  deployment: Deployment,
  home: Region,
): ReadonlyMap<Region, RegionNode> {
  const listeners = new Map<BusListener, Region>();
  const busOf = (region: Region): Bus => ({
    open(listener) {
      listeners.set(listener, region);
      clock.after(1, () => listener.onListeningChange(true));
      return () => Promise.resolve(void listeners.delete(listener));
    },
    publish(notice) {
      for (const [listener, to] of listeners) {
        const ms = (roundTripMs(region, home) + roundTripMs(home, to)) / 2;
        clock.after(ms, () => listener.onNotices([notice]));
      }
    },
  });
  return new Map(
    regions.map((region) => {
      let roundTrips = 0;
      const wait = () =>
        new Promise<void>((resolve) => {
          roundTrips += 1;
          clock.after(roundTripMs(region, home), resolve);
        });
      const sessions = createSessions<{ readonly user: string }>({
        database: aroundCalls(database.dialect(), async (kind, run) => {
          // A pool has its connections already.
          if (kind !== "connection") await wait();
          return run();
        }),
        databaseKind: "postgres",
        identify: ({ user }) => ({ owner: user }),
        flows: deployment.served,
        sweeps: false,
        now: () => clock.nowMs,
        bus: busOf(region),
      });
      return [region, { region, sessions, roundTrips: () => roundTrips }];
    }),
  );
}
