import type { DataDefinitions, SessionsError } from "@sessions/core/internal";
import type { SignInKeeper } from "../keeper/sign-in-keeper.ts";
import type { RequestHead } from "../request/request-head.ts";
import type { EndListeners } from "./end-listeners.ts";

/** What the visits of one node share. */
export interface VisitParts {
  readonly keeper: SignInKeeper;
  /** The values that are kept for a person. */
  readonly data: DataDefinitions;
  readonly now: () => number;
  /** Undefined if the application hands nothing off. */
  readonly handOff: { readonly freshMs: number } | undefined;
  readonly endListeners: EndListeners;
  /** Whether a sign-in that is bound to a device needs the device's short cookie. */
  readonly bindsDevices: boolean;
  /** A coarse place; null if the application tells none. */
  readonly locate: (request: RequestHead) => string | null;
  /** Whether somebody who is not signed in can be a visitor. */
  readonly hasVisitors: boolean;
  readonly report: (fault: SessionsError) => void;
}
