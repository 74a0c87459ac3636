import { createSessionsClient, type SessionsClient } from "@sessions/client";
import { useEffect, useState } from "react";
import { transfer } from "../flow.ts";
import { offerDevtools } from "./devtools.ts";
import { profile } from "./person/device.ts";
import { signInClient } from "./person/sign-in-client.ts";

/**
 * Opens the sessions of an owner in this browser. Null until they are there. It may be anybody's computer on which
 * somebody is a guest: with the guest, everything goes that it has kept.
 */
export function useSessionsOf(owner: string, deviceName: string, isGuest = false): SessionsClient | null {
  const [sessions, setSessions] = useState<SessionsClient | null>(null);
  useEffect(() => {
    const opened = createSessionsClient({ flows: [transfer], url: "/trpc", owner, profile, deviceName });
    const stopGuarding = opened.guardUnload();
    // If the bank refuses the sessions' requests, the sign-in may have ended.
    const stopFollowing = signInClient.follow(opened.list(transfer));
    void offerDevtools(opened);
    let closed = false;
    void opened.ready.then(() => {
      if (!closed) setSessions(opened);
    });
    return () => {
      closed = true;
      // A new name opens the sessions again. Nothing may start on closed sessions.
      setSessions(null);
      stopGuarding();
      stopFollowing();
      if (isGuest && signInClient.state.status === "signed_out") void opened.forget();
      else opened.close();
    };
  }, [owner, deviceName, isGuest]);
  return sessions;
}
