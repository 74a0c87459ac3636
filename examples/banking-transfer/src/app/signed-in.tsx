import type { SessionsClient } from "@sessions/client";
import { SessionsProvider } from "@sessions/react";
import { useEffect, useState, type ReactNode } from "react";
import { profile } from "./person/device.ts";
import { currentVisit } from "./person/visit.ts";
import { clearDeviceName, useDeviceName, type DeviceNaming } from "./person/device-name.ts";
import { signInClient } from "./person/sign-in-client.ts";
import { useSessionsOf } from "./sessions-of.ts";
import { LostWork } from "./changes/lost-work.tsx";
import { Link } from "./elements/navigation.tsx";
import { AccountMenu } from "./person/account-menu.tsx";
import type { User } from "./person/current-user.ts";

/** The frame of every page that needs a person who is signed in. It opens that person's sessions. */
export function SignedIn(props: {
  readonly user: User;
  /** The person signed out, and this device keeps nothing. */
  onSignedOut(): void;
  /** The page, for a device with this name. */
  readonly children: (device: DeviceNaming) => ReactNode;
}) {
  const { user, onSignedOut } = props;
  // What this person began here before the sign-in moves to their sessions.
  useEffect(() => void currentVisit(), []);
  const device = useDeviceName(user);
  const sessions = useSessionsOf(user.id, device.name);
  const [leaving, setLeaving] = useState(false);
  if (!sessions) return null;

  async function signOut(opened: SessionsClient) {
    // No page may open a transfer during the wipe.
    setLeaving(true);
    try {
      // The person has seen what would be lost.
      await signInClient.signOut({ sessions: opened, discardUnsent: true });
      clearDeviceName(user);
      onSignedOut();
    } finally {
      setLeaving(false);
    }
  }
  return (
    <SessionsProvider sessions={sessions}>
      <header className="top">
        <Link to="/" className="brand">
          Harbour Bank
        </Link>
        <AccountMenu name={profile ? device.name : user.name} signOut={() => signOut(sessions)} />
      </header>
      <LostWork />
      {leaving ? <Leaving /> : props.children(device)}
    </SessionsProvider>
  );
}

function Leaving() {
  return (
    <main className="page notice-page">
      <p role="status">Signing out…</p>
    </main>
  );
}
