import { createCurrentSessions, type CurrentSessions } from "@sessions/client/sign-in";
import type { SessionsClient } from "@sessions/client";
import { transfer } from "../../flow.ts";
import { profile } from "./device.ts";
import { signInClient } from "./sign-in-client.ts";

/** Says to the next pages that somebody began a transfer in this browser before they signed in. */
const KEY = "bank-visit";

let opened: CurrentSessions | null = null;

/** The sessions of whoever began a transfer here before the sign-in; null if nobody did. After the sign-in they move. */
export function currentVisit(): CurrentSessions | null {
  return opened ?? (localStorage.getItem(KEY) === null ? null : beginVisit());
}

/** The sessions of somebody who is not signed in. */
export async function visitorsSessions(): Promise<SessionsClient> {
  localStorage.setItem(KEY, "begun");
  const current = currentVisit()!;
  return new Promise((resolve) => {
    const look = () => {
      if (!current.state.isVisitor || !current.state.sessions) return;
      stop();
      resolve(current.state.sessions);
    };
    const stop = current.subscribe(look);
    look();
  });
}

function beginVisit(): CurrentSessions {
  opened = createCurrentSessions({ signIn: signInClient, flows: [transfer], url: "/trpc", profile });
  return opened;
}
