import { createSessionsClient } from "@sessions/client";
import { explain, render, user } from "./application.ts";
import { transfer } from "./flow.ts";

const sessions = createSessionsClient({ flows: [transfer], url: "/trpc", owner: user.id });

const session = sessions.start(transfer); // at once, offline too
session.subscribe(() => render(session.state)); // data, progress, sync state, conflicts
session.draft("amount", { cents: "12," }); // half typed: the owner's other devices see it

const outcome = await session.submit("recipient", { name: "Grace Hopper", iban: "BE71096123456769" });
if (outcome.status === "refused") explain(outcome.refusal);
