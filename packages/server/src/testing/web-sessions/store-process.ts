import { SessionsStore } from "../../express-session/sessions-store.ts";
import { promised, sessionUntil } from "./web-sessions.ts";

// Uses a store, and ends by itself. It prints what it read.
const database = process.argv[2];
const store = promised(new SessionsStore(database ? { database } : {}));
await store.set("sid", sessionUntil(Date.now() + 60_000, { user: "ada" }));
const session = (await store.get("sid"))!;
await store.touch(
  "sid",
  Object.assign(session, { cookie: { ...session.cookie!, expires: new Date(Date.now() + 61_000) } }),
);
process.stdout.write(String(session["user"]));
