import { TRPCClientError } from "@trpc/client";
import { useCallback, useEffect, useState } from "react";
import type { AppRouter } from "../../server/app.ts";
import { bank } from "./bank.ts";
import { navigate } from "../elements/navigation.tsx";

export interface User {
  readonly id: string;
  readonly name: string;
  /** The number of this browser among the person's browsers, from one. */
  readonly browser: number;
}

/** The person who is signed in at this browser, as far as this page knows. */
export type CurrentUser =
  | { readonly kind: "loading" }
  | { readonly kind: "unreachable" }
  /** `byBank`: the bank ended the sign-in, not the person. The person's work is still on this device. */
  | { readonly kind: "signed_out"; readonly byBank: boolean }
  | { readonly kind: "signed_in"; readonly user: User };

/**
 * Tells the browser's other pages that a person signed in or out here. A page does not get its own messages. In a
 * browser without this channel, the other pages ask the bank when they become visible again.
 */
const otherPages = typeof BroadcastChannel === "undefined" ? undefined : new BroadcastChannel("bank-sign-in");

/**
 * Asks the bank who is signed in. Asks again when another page of this browser says that it changed, and when the
 * person comes back to this page.
 */
export function useCurrentUser(): {
  readonly current: CurrentUser;
  /** Asks the bank again. */
  readonly refresh: () => Promise<void>;
  /** The person has signed out. */
  readonly signedOut: () => void;
} {
  const [current, setCurrent] = useState<CurrentUser>({ kind: "loading" });

  const signedOut = useCallback(() => {
    // The open transfer is of no use to the next person.
    if (location.pathname.startsWith("/transfers/")) navigate("/", { replace: true });
    setCurrent({ kind: "signed_out", byBank: false });
  }, []);

  const refresh = useCallback(async () => {
    try {
      const user = await bank.me.query();
      setCurrent((before) => (user ? { kind: "signed_in", user } : signedOutAfter(before)));
    } catch {
      // A person who is signed in goes on without the bank: the transfers are on this device.
      setCurrent((before) => (before.kind === "signed_in" ? before : { kind: "unreachable" }));
    }
  }, []);

  useEffect(() => {
    void refresh();
    if (otherPages) otherPages.onmessage = ({ data }) => (data === "signed out" ? signedOut() : void refresh());
    const refreshIfVisible = () => document.visibilityState === "visible" && void refresh();
    document.addEventListener("visibilitychange", refreshIfVisible);
    return () => {
      if (otherPages) otherPages.onmessage = null;
      document.removeEventListener("visibilitychange", refreshIfVisible);
    };
  }, [refresh, signedOut]);

  useEffect(() => {
    if (current.kind !== "unreachable") return;
    const timer = setInterval(() => void refresh(), 3_000);
    return () => clearInterval(timer);
  }, [current.kind, refresh]);

  return { current, refresh, signedOut };
}

function signedOutAfter(before: CurrentUser): CurrentUser {
  return before.kind === "signed_out" ? before : { kind: "signed_out", byBank: before.kind === "signed_in" };
}

/** Signs a person in. Returns the bank's reason if it refuses, else null. Rejects if the bank does not answer. */
export async function signIn(id: string, password: string): Promise<string | null> {
  try {
    if (!(await bank.signIn.mutate({ id, password }))) return "That name and password do not belong together.";
  } catch (error) {
    if (error instanceof TRPCClientError && isTooMany(error as BankError)) return error.message;
    throw error;
  }
  otherPages?.postMessage("signed in");
  return null;
}

export async function signOut(): Promise<void> {
  await bank.signOut.mutate();
  otherPages?.postMessage("signed out");
}

type BankError = TRPCClientError<AppRouter>;

/** The message of this error is a sentence for the person. It says when to try again. */
function isTooMany({ data }: BankError): boolean {
  return data?.code === "TOO_MANY_REQUESTS";
}
