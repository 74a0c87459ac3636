import { createSessionsClient, type SessionsClient } from "@sessions/client";
import { SessionsProvider, useSessions } from "@sessions/react";
import { useEffect, useState, type ReactNode } from "react";
import { transfer } from "../flow.ts";
import { profile } from "./person/device.ts";
import { forgetDeviceName, useDeviceName, type DeviceNaming } from "./person/device-name.ts";
import { offerDevtools } from "./devtools.ts";
import { LostWork } from "./changes/lost-work.tsx";
import { Link } from "./elements/navigation.tsx";
import { SignOut } from "./person/sign-out.tsx";
import type { User } from "./person/current-user.ts";

/** The frame of every page that needs a person who is signed in. It opens that person's sessions. */
export function SignedIn(props: {
  readonly user: User;
  /** The bank refused a request of this person: the sign-in may have ended. */
  onRefused(): Promise<void>;
  /** The person signed out, and this device keeps nothing. */
  onSignedOut(): void;
  /** The page, for a device with this name. */
  readonly children: (device: DeviceNaming) => ReactNode;
}) {
  const { user, onRefused, onSignedOut } = props;
  const device = useDeviceName(user);
  const sessions = useSessionsOf(user.id, device.name);
  const [leaving, setLeaving] = useState(false);
  if (!sessions || leaving) return null;

  async function wipe(opened: SessionsClient) {
    // No page may open a transfer during the wipe.
    setLeaving(true);
    try {
      await opened.forget();
      forgetDeviceName(user);
    } finally {
      onSignedOut();
    }
  }
  return (
    <SessionsProvider sessions={sessions}>
      <header className="top">
        <Link to="/" className="brand">
          Harbour Bank
        </Link>
        <span className="person">{profile ? device.name : user.name}</span>
        <SignOut onSignedOut={() => wipe(sessions)} />
      </header>
      <LostWork />
      <SignedOutHere onRefused={onRefused} />
      {props.children(device)}
    </SessionsProvider>
  );
}

/** Asks the bank who is signed in when it has refused the sessions' requests. */
function SignedOutHere({ onRefused }: { onRefused(): Promise<void> }) {
  const { signedOut } = useSessions(transfer);
  useEffect(() => {
    if (signedOut) void onRefused();
  }, [signedOut, onRefused]);
  return null;
}

function useSessionsOf(owner: string, deviceName: string): SessionsClient | null {
  const [sessions, setSessions] = useState<SessionsClient | null>(null);
  useEffect(() => {
    const opened = createSessionsClient({ flows: [transfer], url: "/trpc", owner, profile, deviceName });
    const stopGuarding = opened.guardUnload();
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
      opened.close();
    };
  }, [owner, deviceName]);
  return sessions;
}
