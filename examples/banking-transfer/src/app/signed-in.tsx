import { createSessions, type Sessions } from "@sessions/client";
import { SessionsProvider, useSessions } from "@sessions/react";
import { useEffect, useState, type ReactNode } from "react";
import { transfer } from "../flow.ts";
import { profile } from "./device.ts";
import { forgetDeviceName, useDeviceName } from "./device-name.ts";
import { offerDevtools } from "./devtools.ts";
import { LostWork } from "./lost-work.tsx";
import { Link } from "./route.tsx";
import { SignOut } from "./sign-out.tsx";
import type { User } from "./visit.ts";

export interface DeviceNaming {
  readonly name: string;
  rename(name: string): void;
}

/** The frame of every page that needs a person, with that person's sessions. */
export function SignedIn(props: {
  readonly user: User;
  /** The bank may have ended the sign-in. */
  onDoubted(): Promise<void>;
  /** The person has, and this device keeps nothing. */
  onSignedOut(): void;
  /** The page, given what this device is called and what renames it. */
  readonly children: (device: DeviceNaming) => ReactNode;
}) {
  const { user, onDoubted, onSignedOut } = props;
  const [name, rename] = useDeviceName(user);
  const sessions = useSessionsOf(user.id, name);
  const [leaving, setLeaving] = useState(false);
  if (!sessions || leaving) return null;

  async function wipe(opened: Sessions) {
    // No page may ask for a transfer while they are wiped.
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
        <span className="person">{profile ? name : user.name}</span>
        <SignOut onSignedOut={() => wipe(sessions)} />
      </header>
      <LostWork />
      <SignedOutHere onDoubted={onDoubted} />
      {props.children({ name, rename })}
    </SessionsProvider>
  );
}

/** Asks who is signed in once the bank has said that this person is not. */
function SignedOutHere({ onDoubted }: { onDoubted(): Promise<void> }) {
  const { signedOut } = useSessions(transfer);
  useEffect(() => {
    if (signedOut) void onDoubted();
  }, [signedOut, onDoubted]);
  return null;
}

function useSessionsOf(owner: string, deviceName: string): Sessions | null {
  const [sessions, setSessions] = useState<Sessions | null>(null);
  useEffect(() => {
    const opened = createSessions({ flows: [transfer], url: "/trpc", owner, profile, deviceName });
    const stopGuarding = opened.guardUnload();
    void offerDevtools(opened);
    let closed = false;
    void opened.ready.then(() => {
      if (!closed) setSessions(opened);
    });
    return () => {
      closed = true;
      // Renamed, it is opened again: nothing may be begun on what is closed.
      setSessions(null);
      stopGuarding();
      opened.close();
    };
  }, [owner, deviceName]);
  return sessions;
}
