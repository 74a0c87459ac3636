import { createSessions } from "@sessions/server";
import { createSignIns } from "@sessions/server/sign-in";
import { served } from "./outbox.ts";
import { pool } from "./router.ts";

export const signIns = createSignIns({ database: pool, visitors: true });
export const sessions = createSessions({ database: pool, identify: signIns.identify, flows: [served] });
signIns.adopts(sessions.adoption);
