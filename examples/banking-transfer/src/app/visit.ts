import { TRPCClientError } from "@trpc/client";
import { useCallback, useEffect, useState } from "react";
import type { AppRouter } from "../server/app.ts";
import { bank } from "./bank.ts";
import { navigate } from "./route.tsx";

export interface User {
  readonly id: string;
  readonly name: string;
  /** Which of the person's browsers this is, counted from one. */
  readonly browser: number;
}

/** Who is at this browser. */
export type Visit =
  | { readonly kind: "asking" }
  | { readonly kind: "unreachable" }
  /** `unasked`: the bank has ended a sign-in, and not the person, whose work is on this device still. */
  | { readonly kind: "nobody"; readonly unasked: boolean }
  | { readonly kind: "someone"; readonly user: User };

/**
 * Tells the browser's other pages that someone signed in or out here; this page hears nothing of itself. Where a browser
 * has no such channel, they hear of it when they are seen again.
 */
const others = typeof BroadcastChannel === "undefined" ? undefined : new BroadcastChannel("bank-visit");

/**
 * Asks the bank who is signed in, and asks again when another page of this browser says that it changed, or the person
 * comes back to this one.
 */
export function useVisit(): { readonly visit: Visit; readonly ask: () => Promise<void>; readonly end: () => void } {
  const [visit, setVisit] = useState<Visit>({ kind: "asking" });

  /** The person has signed out. Whoever comes next has no use for the transfer that is open. */
  const end = useCallback(() => {
    if (location.pathname.startsWith("/transfers/")) navigate("/", { replace: true });
    setVisit({ kind: "nobody", unasked: false });
  }, []);

  const ask = useCallback(async () => {
    try {
      const user = await bank.me.query();
      setVisit((before) => (user ? { kind: "someone", user } : nobodyAfter(before)));
    } catch {
      // Someone who is signed in goes on without the bank: their transfers are on this device.
      setVisit((before) => (before.kind === "someone" ? before : { kind: "unreachable" }));
    }
  }, []);

  useEffect(() => {
    void ask();
    if (others) others.onmessage = ({ data }) => (data === "signed out" ? end() : void ask());
    const look = () => document.visibilityState === "visible" && void ask();
    document.addEventListener("visibilitychange", look);
    return () => {
      if (others) others.onmessage = null;
      document.removeEventListener("visibilitychange", look);
    };
  }, [ask, end]);

  useEffect(() => {
    if (visit.kind !== "unreachable") return;
    const timer = setInterval(() => void ask(), 3_000);
    return () => clearInterval(timer);
  }, [visit.kind, ask]);

  return { visit, ask, end };
}

function nobodyAfter(before: Visit): Visit {
  return before.kind === "nobody" ? before : { kind: "nobody", unasked: before.kind === "someone" };
}

/** Signs a person in; why not, when the bank says no. Rejects when it does not answer. */
export async function signIn(id: string, password: string): Promise<string | null> {
  try {
    if (!(await bank.signIn.mutate({ id, password }))) return "That name and password do not belong together.";
  } catch (error) {
    if (error instanceof TRPCClientError && isTooMany(error as BankError)) return error.message;
    throw error;
  }
  others?.postMessage("signed in");
  return null;
}

export async function signOut(): Promise<void> {
  await bank.signOut.mutate();
  others?.postMessage("signed out");
}

type BankError = TRPCClientError<AppRouter>;

/** Its message is a sentence for the person, and says when to come back. */
function isTooMany({ data }: BankError): boolean {
  return data?.code === "TOO_MANY_REQUESTS";
}
