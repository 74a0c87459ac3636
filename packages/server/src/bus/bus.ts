/** A message that a session has a new revision. It never holds the session's data: readers ask the database. */
export interface Notice {
  readonly owner: string;
  readonly session: string;
  readonly revision: number;
}

export interface BusListener {
  /** Called with notices of any node, this one included. They may come more than once and in any order. */
  heard(notices: readonly Notice[]): void;
  /** Called with whether notices arrive. After a change from false to true, some may have been missed. */
  hearing(hears: boolean): void;
}

/**
 * Tells the nodes of an application about each other's commits. A lost notice makes readers late, never wrong. So an
 * implementation may lose some, if it calls `hearing(false)`, and `hearing(true)` once notices arrive again. The suite in
 * `testing/bus/bus-contract.ts` tests an implementation.
 */
export interface Bus {
  /** Begins to listen. Called once. It returns at once, even if the other end cannot be reached yet. */
  open(listener: BusListener): void;
  /** Sends a notice, soon. Never throws. */
  publish(notice: Notice): void;
  /** Sends the waiting notices if it can, and closes every connection and timer. */
  close(): Promise<void>;
}
