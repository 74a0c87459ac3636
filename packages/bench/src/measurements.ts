import type { DurablePostgres } from "./servers/database.ts";
import { measureActivity } from "./measurements/activity.ts";
import { measureDashboard } from "./measurements/dashboard.ts";
import { measureDevices } from "./measurements/devices.ts";
import { measureEncryption } from "./measurements/encryption.ts";
import { measureHeap } from "./measurements/heap.ts";
import { measureHistory } from "./measurements/history.ts";
import { measureHttp } from "./measurements/http.ts";
import { measureOpen } from "./measurements/open.ts";
import { measureProjections } from "./measurements/projections.ts";
import { measureSignInChecks } from "./measurements/sign-ins/sign-in-checks.ts";
import { measureSignInHistory } from "./measurements/sign-ins/sign-in-history.ts";
import { measureSignInRefusals } from "./measurements/sign-ins/sign-in-refusals.ts";
import { measureSignInWrites } from "./measurements/sign-ins/sign-in-writes.ts";
import { measureSubmits } from "./measurements/submits.ts";
import { measureWatchers } from "./measurements/watchers.ts";
import { measureWebSessions } from "./measurements/web-sessions.ts";
import type { BenchmarkSize, Measurement } from "./report/result.ts";

export const measurements: Readonly<
  Record<string, (postgres: DurablePostgres, extent: BenchmarkSize) => Promise<Measurement>>
> = {
  submits: measureSubmits,
  http: measureHttp,
  history: measureHistory,
  heap: measureHeap,
  devices: measureDevices,
  watchers: measureWatchers,
  open: measureOpen,
  "sign-in-checks": measureSignInChecks,
  "sign-in-writes": measureSignInWrites,
  "sign-in-history": measureSignInHistory,
  "sign-in-refusals": measureSignInRefusals,
  "web-sessions": measureWebSessions,
  encryption: measureEncryption,
  activity: measureActivity,
  dashboard: measureDashboard,
  projections: measureProjections,
};
