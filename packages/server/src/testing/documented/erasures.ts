import { erasures } from "@sessions/server";
import { createProjections, project } from "@sessions/server/projections";
import { pool } from "./router.ts";

export const projections = createProjections({
  database: pool,
  projections: [
    project(erasures(), {
      name: "erased_accounts",
      version: 1,
      handle: async ({ owner }, { tx }) => {
        await tx.deleteFrom("ledger").where("owner", "=", owner).execute();
      },
    }),
  ],
});
