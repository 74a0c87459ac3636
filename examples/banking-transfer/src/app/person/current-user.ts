import { deviceName } from "@sessions/client";
import type { EndedSignIn, SignInState } from "@sessions/client/sign-in";
import { useSignIn } from "@sessions/react/sign-in";
import { TRPCClientError } from "@trpc/client";
import { useEffect, useState } from "react";
import { personOf } from "../../people.ts";
import type { AppRouter } from "../../server/router.ts";
import { navigate } from "../elements/navigation.tsx";
import { bank } from "./bank.ts";
import { signInClient } from "./sign-in-client.ts";

export interface User {
  readonly id: string;
  readonly name: string;
  /** The bank's name for this browser. */
  readonly browser: string;
}

/** The person who is signed in at this browser, as far as this page knows. */
export type CurrentUser =
  | { readonly kind: "loading" | "unreachable" }
  /** `notice`: why the person is not signed in any more; null if they have signed out, or were not signed in. */
  | { readonly kind: "signed_out"; readonly notice: string | null }
  /** A signed-in person has handed one transfer over to this browser. */
  | { readonly kind: "guest"; readonly owner: string; readonly session: string }
  | { readonly kind: "signed_in"; readonly user: User };

/**
 * Tells the browser's other pages that the person signed out here. A page does not get its own messages. In a browser
 * without this channel, the other pages say only that the person was signed out.
 */
const otherPages = typeof BroadcastChannel === "undefined" ? undefined : new BroadcastChannel("bank-sign-out");

/** The person who is signed in. `signedOut`: the person has signed out on this page. */
export function useCurrentUser(): { readonly current: CurrentUser; readonly signedOut: () => void } {
  const state = useSignIn(signInClient);
  // The state in which nobody was signed in here, or from which the person has signed out. Null while somebody is signed in.
  const [left, setLeft] = useState<SignInState | null>(() => (state.status === "signed_in" ? null : state));
  // This page may hear of the sign-out before the bank's own answer.
  if (state.status === "signed_in" && left !== null && left !== state) setLeft(null);

  function leave() {
    // The open transfer is of no use to the next person.
    if (location.pathname !== "/side-by-side") navigate("/", { replace: true });
    setLeft(signInClient.state);
  }

  useEffect(() => {
    if (otherPages) otherPages.onmessage = leave;
    return () => {
      if (otherPages) otherPages.onmessage = null;
    };
  }, []);

  function signedOut() {
    otherPages?.postMessage("signed out");
    leave();
  }
  return { current: currentUser(state, left !== null), signedOut };
}

function currentUser(state: SignInState, left: boolean): CurrentUser {
  if (state.status === "signed_out") {
    return { kind: "signed_out", notice: endText(state.ended) ?? (left ? null : "You were signed out.") };
  }
  if (state.status === "guest") return { kind: "guest", owner: state.owner, session: state.session };
  if (state.status !== "signed_in") return { kind: state.status };
  const { id, name } = personOf(state.owner) ?? { id: state.owner, name: state.owner };
  return { kind: "signed_in", user: { id, name, browser: state.signIn.device } };
}

/** Why a sign-in ended, and what became of the person's work; null if the bank does not tell, or the person signed out. */
function endText(ended: EndedSignIn | null): string | null {
  const reason = ended && endReasons[ended.reason];
  if (ended && guestReasons.has(ended.reason)) return reason ?? null;
  return reason ? `${reason} What you typed is kept on this device.` : null;
}

const endReasons: Readonly<Record<string, string | undefined>> = {
  revoked: "You were signed out from another browser.",
  expired: "Your sign-in has run out.",
  displaced: "You were signed out, because you signed in to more browsers than the bank allows.",
  code_reused: "This computer’s part was ended, because another device used its code too.",
  session_ended: "The transfer has ended, and with it this computer’s part.",
  secret_reused: "Your sign-in was ended, because a copy of this browser’s cookie was used.",
};

/** A guest's browser keeps nothing. */
const guestReasons: ReadonlySet<string> = new Set(["code_reused", "session_ended"]);

/** Signs a person in. Returns the bank's reason if it refuses, else null. Rejects if the bank does not answer. */
export async function signIn(id: string, password: string): Promise<string | null> {
  const device = deviceName();
  return afterPassword(
    () => bank.signIn.mutate({ id, password, device }),
    "That name and password do not belong together.",
  );
}

/** Proves again that the person who is signed in knows the password. Returns and rejects as `signIn` does. */
export async function proveAgain(password: string): Promise<string | null> {
  return afterPassword(() => bank.prove.mutate({ password }), "That is not your password.");
}

async function afterPassword(send: () => Promise<boolean>, wrong: string): Promise<string | null> {
  try {
    if (!(await send())) return wrong;
  } catch (error) {
    const { code, text } = answerOf(error);
    if (code === "TOO_MANY_REQUESTS") return text;
    if (code !== "UNAUTHORIZED") throw error;
    await signInClient.refresh();
    return "You are signed out here. Sign in first.";
  }
  const { status } = await signInClient.refresh();
  if (status !== "signed_out") return null;
  // Over plain HTTP a browser takes the cookie from localhost alone.
  return "This browser keeps no cookie of the bank. Open the bank at localhost, or over HTTPS.";
}

/** The bank's answer in an error. The text of `TOO_MANY_REQUESTS` is a sentence for the person: it says when to try again. */
function answerOf(error: unknown): { readonly code?: string; readonly text: string } {
  if (!(error instanceof TRPCClientError)) return { text: "" };
  const { data, message } = error as TRPCClientError<AppRouter>;
  return { ...(data && { code: data.code }), text: message };
}
