import { useCallback, useEffect, useState } from "react";
import { bank } from "./bank.ts";

export interface User {
  readonly id: string;
  readonly name: string;
}

/** Who is at this browser. */
export type Visit =
  | { readonly kind: "asking" }
  | { readonly kind: "unreachable" }
  | { readonly kind: "nobody" }
  | { readonly kind: "someone"; readonly user: User };

/** Tells the browser's other pages that someone signed in or out here. */
const channel = () => new BroadcastChannel("bank-visit");

/** Asks the bank who is signed in, and asks again when another page of this browser says that it changed. */
export function useVisit(): { readonly visit: Visit; readonly ask: () => Promise<void> } {
  const [visit, setVisit] = useState<Visit>({ kind: "asking" });

  const ask = useCallback(async () => {
    try {
      const user = await bank.me.query();
      setVisit(user ? { kind: "someone", user } : { kind: "nobody" });
    } catch {
      // Someone who is signed in goes on without the bank: their transfers are on this device.
      setVisit((before) => (before.kind === "someone" ? before : { kind: "unreachable" }));
    }
  }, []);

  useEffect(() => {
    void ask();
    const others = channel();
    others.onmessage = () => void ask();
    return () => others.close();
  }, [ask]);

  useEffect(() => {
    if (visit.kind !== "unreachable") return;
    const timer = setInterval(() => void ask(), 3_000);
    return () => clearInterval(timer);
  }, [visit.kind, ask]);

  return { visit, ask };
}

/** Signs a person in; false when the name or the password is wrong. */
export async function signIn(id: string, password: string): Promise<boolean> {
  const user = await bank.signIn.mutate({ id, password });
  if (user) tellOthers();
  return user !== null;
}

export async function signOut(): Promise<void> {
  await bank.signOut.mutate();
  tellOthers();
}

function tellOthers(): void {
  const others = channel();
  others.postMessage("changed");
  others.close();
}
