import type { RevokeResult, SignIn } from "@sessions/client/sign-in";
import { useSignIns } from "@sessions/react/sign-in";
import { useEffect, useState } from "react";
import { plainText } from "../text/plain-text.ts";
import { signInClient } from "./sign-in-client.ts";

/** How often the list is read again, in milliseconds. */
const RELOAD_MS = 10_000;

/** The browsers of the person, and what happened to them here. */
export interface SignedInBrowsers {
  /** The newest first. Null until the bank has answered. */
  readonly browsers: readonly SignIn[] | null;
  /** A sentence on the last press; null before it. */
  readonly news: string | null;
  /** Whether the bank did not answer the last press. */
  readonly unanswered: boolean;
  end(browser: SignIn): Promise<void>;
  endOthers(): Promise<void>;
}

/** Reads the list when the page opens, when the person comes back to it, and from time to time. */
export function useSignedInBrowsers(): SignedInBrowsers {
  const { status, signIns, reload, revoke, revokeOthers } = useSignIns(signInClient);
  const [news, setNews] = useState<string | null>(null);
  const [unanswered, setUnanswered] = useState(false);

  useEffect(() => {
    const reloadIfVisible = () => document.visibilityState === "visible" && void reload();
    const timer = setInterval(reloadIfVisible, RELOAD_MS);
    document.addEventListener("visibilitychange", reloadIfVisible);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", reloadIfVisible);
    };
  }, [reload]);

  async function change(send: () => Promise<string>) {
    try {
      setNews(await send());
      setUnanswered(false);
    } catch {
      setUnanswered(true);
    }
  }

  return {
    // This browser's own sign-in is always among them.
    browsers: signIns.length === 0 && status !== "loaded" ? null : signIns,
    news,
    unanswered,
    end: ({ id, device }) =>
      change(
        async () =>
          `${plainText(device)} ${countOf(await revoke(id)) === 1 ? "is signed out." : "was signed out already."}`,
      ),
    endOthers: () =>
      change(async () => {
        const ended = countOf(await revokeOthers());
        if (ended === 0) return "No other browser was signed in any more.";
        return ended === 1 ? "1 other browser is signed out." : `${ended} other browsers are signed out.`;
      }),
  };
}

/** How many the bank has ended. It asks for no proof here, and a page of nobody shows no list. */
function countOf(result: RevokeResult): number {
  if (result.status !== "ended") throw new Error(result.status);
  return result.count;
}
