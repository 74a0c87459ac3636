import { createSessions, type Sessions } from "@sessions/client";
import { SessionsProvider, useSessions } from "@sessions/react";
import { useEffect, useState, type ReactNode } from "react";
import { transfer } from "../flow.ts";
import { deviceName, profile } from "./device.ts";
import { offerDevtools } from "./devtools.ts";
import { LostWork } from "./lost-work.tsx";
import { Link } from "./route.tsx";
import { SignOut } from "./sign-out.tsx";
import type { User } from "./visit.ts";

/** The frame of every page that needs a person, with that person's sessions. */
export function SignedIn(props: {
  readonly user: User;
  /** The bank may have ended the sign-in. */
  onDoubted(): Promise<void>;
  /** The person has, and this device keeps nothing. */
  onSignedOut(): void;
  readonly children: ReactNode;
}) {
  const { user, onDoubted, onSignedOut } = props;
  const sessions = useSessionsOf(user);
  const [leaving, setLeaving] = useState(false);
  if (!sessions || leaving) return null;

  async function wipe(opened: Sessions) {
    // No page may ask for a transfer while they are wiped.
    setLeaving(true);
    try {
      await opened.forget();
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
        <span className="person">{deviceName(user.name) ?? user.name}</span>
        <SignOut onSignedOut={() => wipe(sessions)} />
      </header>
      <LostWork />
      <SignedOutHere onDoubted={onDoubted} />
      {props.children}
    </SessionsProvider>
  );
}

/** Asks who is signed in once the bank has refused this person's transfers, or may have refused the list of them. */
function SignedOutHere({ onDoubted }: { onDoubted(): Promise<void> }) {
  const { active, ended, loading } = useSessions(transfer);
  const signedOut = [...active, ...ended].some(({ sync }) => sync.state === "signed_out");
  const unheard = !loading && active.length + ended.length === 0;
  useEffect(() => {
    if (signedOut || unheard) void onDoubted();
  }, [signedOut, unheard, onDoubted]);
  return null;
}

function useSessionsOf(user: User): Sessions | null {
  const [sessions, setSessions] = useState<Sessions | null>(null);
  useEffect(() => {
    const name = deviceName(user.name);
    const opened = createSessions({
      flows: [transfer],
      url: "/trpc",
      owner: user.id,
      profile,
      ...(name && { deviceName: name }),
    });
    const stopGuarding = opened.guardUnload();
    void offerDevtools(opened);
    let closed = false;
    void opened.ready.then(() => {
      if (!closed) setSessions(opened);
    });
    return () => {
      closed = true;
      stopGuarding();
      opened.close();
    };
  }, [user.id, user.name]);
  return sessions;
}
