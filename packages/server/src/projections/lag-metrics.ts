import { metrics, type ObservableResult } from "@opentelemetry/api";
import type { BuildStatus } from "./rows/status.ts";

/**
 * Reports how far each projection is behind, whenever the application collects metrics. Gives a function that stops it.
 * Nothing is read unless the application sets up an SDK.
 */
export function observeLag(status: () => Promise<readonly BuildStatus[]>): () => void {
  const meter = metrics.getMeter("@sessions/server");
  const gauges = [
    [
      "sessions.projection.lag",
      "The age of the oldest entry that is not applied.",
      "ms",
      (one: BuildStatus) => one.lagMs,
    ],
    ["sessions.projection.behind", "Entries that are not applied.", "{entry}", (one: BuildStatus) => one.behind.rows],
    ["sessions.projection.waiting", "Sessions that wait for a fault.", "{session}", (one: BuildStatus) => one.waiting],
  ] as const;
  const stops = gauges.map(([name, description, unit, valueOf]) => {
    const gauge = meter.createObservableGauge(name, { description, unit });
    const observe = async (result: ObservableResult) => {
      // While the database is away, there is nothing to observe.
      const builds = await status().catch(() => []);
      for (const build of builds) {
        result.observe(valueOf(build), { projection: build.projection, version: build.version });
      }
    };
    gauge.addCallback(observe);
    return () => gauge.removeCallback(observe);
  });
  return () => stops.forEach((stop) => stop());
}
