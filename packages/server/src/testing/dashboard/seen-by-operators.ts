import type { Pool } from "pg";
import { v7 as uuidv7 } from "uuid";
import { createDashboard } from "../../dashboard/create-dashboard.ts";
import type { Dashboard, DashboardOptions, Operator } from "../../dashboard/options.ts";
import { createFunnels } from "../../funnels/funnels.ts";
import { sessionHistory } from "../../flows/session-history.ts";
import { project } from "../../projections/projection.ts";
import { createProjections } from "../../projections/projections.ts";
import { testActivity } from "../activity/activities.ts";
import { createBank, createLedger, notes, start, submit, TestClient, transfer } from "../bank.ts";
import { eventually } from "../eventually.ts";
import { signIn, testKeeper } from "../sign-ins.ts";

/** Texts that no page may hold: what people typed, and what lets somebody in. */
export interface Canaries {
  readonly typed: readonly string[];
  readonly secrets: readonly string[];
}

/** A schema as operators may look at it: hostile names, open and ended sessions, and live sign-ins. */
export interface SeenSchema {
  /** The owner's id, which is markup. */
  readonly owner: string;
  readonly device: string;
  readonly open: string;
  readonly completed: string;
  readonly signIn: string;
  readonly canaries: Canaries;
}

export const hostile = `<script>alert("1")</script>'><b>&`;

export async function fillForOperators(pool: Pool): Promise<SeenSchema> {
  const bank = createBank(pool);
  await bank.migrate();
  await createLedger(pool);
  const keeper = testKeeper(pool);
  await keeper.migrate();
  const owner = `ada ${hostile}`;
  const device = `Phone ${hostile}`;
  const client = new TestClient(bank, owner, device);

  const open = uuidv7();
  await client.push(start(open), submit(open, "recipient", { name: "Typed Canary One", iban: "BE71-TYPED-CANARY" }));
  const { session: completed, review } = await client.untilReview();
  await client.one(review);
  const notes = uuidv7();
  await client.push(start(notes, "notes"), submit(notes, "left", { text: "Typed Canary Two" }));

  const { signIn: live, token } = await signIn(keeper, owner, { device });
  await keeper.noteSignal(live, "new_place");
  await runProjections(pool);
  await runActivity(pool, owner);
  await keeper.close();
  await bank.close();
  return {
    owner,
    device,
    open,
    completed,
    signIn: live.publicId,
    canaries: {
      typed: ["Typed Canary One", "BE71-TYPED-CANARY", "Typed Canary Two", "12300", "Grace", "R-"],
      secrets: [
        Buffer.from(token.secret).toString("base64url"),
        Buffer.from(token.secret).toString("hex"),
        Buffer.from(token.secret).toString("base64"),
      ],
    },
  };
}

/** Runs the funnels until they have counted everything, and a projection that fails at each of its entries. */
async function runProjections(pool: Pool): Promise<void> {
  const funnels = createFunnels({ database: pool, flows: [transfer, notes] });
  const failing = project(sessionHistory([notes]), {
    name: "failing",
    handle: () => Promise.reject(new Error("Typed Canary Two")),
  });
  const projections = createProjections({
    database: pool,
    projections: [funnels.projection, failing],
    onError: () => {},
  });
  await projections.migrate();
  await funnels.migrate();
  await projections.start();
  await projections.caughtUp(funnels.projection.name, "now");
  await eventually(async () => {
    if ((await projections.faults(failing.name)).length === 0) throw new Error("Nothing has failed yet.");
  });
  await projections.close();
}

/** Records events, and builds the activity sessions from them. */
async function runActivity(pool: Pool, owner: string): Promise<void> {
  const activity = testActivity(pool);
  await activity.migrate();
  await activity.start();
  for (const post of ["Typed Canary One", "Typed Canary Two"]) await activity.record(owner, "post_opened", { post });
  await activity.caughtUp();
  await activity.close();
}

/** A dashboard whose operator is the one that the header `x-operator` describes, as JSON. */
export async function openDashboard(pool: Pool, options: Partial<DashboardOptions> = {}): Promise<Dashboard> {
  const dashboard = createDashboard({
    database: pool,
    flows: [transfer],
    authorize: ({ headers }) => {
      const operator = headers.get("x-operator");
      if (operator === "throws") throw new Error("Secret of authorize");
      return operator === null ? null : (JSON.parse(operator) as Operator);
    },
    ...options,
  });
  await dashboard.migrate();
  return dashboard;
}
