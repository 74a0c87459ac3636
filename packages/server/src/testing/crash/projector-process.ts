import { Pool } from "pg";
import { createTimedProjections } from "../../projections/projections.ts";
import { foldOf } from "../projections/fold.ts";

/** A node that projects the log, until it is killed. It outlives its Postgres. */
const pool = new Pool({ connectionString: process.env["DATABASE_URL"], max: 6, connectionTimeoutMillis: 5_000 });
pool.on("error", () => {});
const projections = createTimedProjections(
  { database: pool, projections: [foldOf({ buckets: 3 })], onError: () => {} },
  { pollMs: 100, leaseMs: 500 },
);
for (;;) {
  try {
    await projections.start();
    break;
  } catch {
    // Postgres was killed a moment ago.
  }
}
process.on("disconnect", () => process.exit());
process.send!(String(process.pid));
