import type { Json } from "@sessions/core/internal";

/** A message that a session has a new revision. It never holds the session's data: readers ask the database. */
export interface SessionNotice {
  readonly kind: "session";
  readonly owner: string;
  readonly session: string;
  readonly revision: number;
}

/** A message that an owner was a visitor, and is one no more: somebody has adopted them. */
export interface AdoptedNotice {
  readonly kind: "adopted";
  readonly owner: string;
}

/** A message that an owner was erased: a node forgets what it has of them in memory. */
export interface ErasedNotice {
  readonly kind: "erased";
  readonly owner: string;
}

/** A message of the sign-ins, who alone know its content. It never holds a secret, and up to 4,000 bytes of JSON. */
export interface SignInNotice {
  readonly kind: "sign_in";
  readonly content: Json;
}

/** A message from one node to the others. A listener ignores the kinds that it does not know. */
export type Notice = SessionNotice | AdoptedNotice | ErasedNotice | SignInNotice;

export interface BusListener {
  /** Called with notices of any node, this one included. They may come more than once and in any order. It never throws. */
  onNotices(notices: readonly Notice[]): void;
  /** Called with whether notices arrive. After a change from false to true, some may have been missed. It never throws. */
  onListeningChange(isListening: boolean): void;
}

/**
 * Tells the nodes of an application about each other's commits. A lost notice makes readers late, never wrong. So an
 * implementation may lose some, if it calls `onListeningChange(false)`, and `onListeningChange(true)` once notices arrive
 * again. The suite in `testing/bus/bus-contract.ts` tests an implementation.
 */
export interface Bus {
  /**
   * Adds a listener. The first one opens the connection. It returns at once, even if the other end cannot be reached yet.
   * The returned function removes the listener. With the last one it sends the waiting notices if it can, and closes every
   * connection and timer.
   */
  open(listener: BusListener): () => Promise<void>;
  /** Sends a notice, soon. It never throws. Nothing is sent while nobody listens here. */
  publish(notice: Notice): void;
}
