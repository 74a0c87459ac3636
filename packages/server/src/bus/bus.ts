/** That a session has a new revision. It says where to look, never what is there: readers ask the database. */
export interface Notice {
  readonly owner: string;
  readonly session: string;
  readonly revision: number;
}

export interface BusListener {
  /** Notices of any node, this one's too, perhaps more than once and in any order. */
  heard(notices: readonly Notice[]): void;
  /** Whether notices arrive. Whoever turns from deaf to hearing may have missed some. */
  hearing(hears: boolean): void;
}

/**
 * Tells the nodes of an application of one another's commits. A lost notice costs time, never truth, so an
 * implementation may lose some as long as it says `hearing(false)`, and `hearing(true)` once it hears again.
 * The suite in `testing/bus-contract.ts` says what one must do.
 */
export interface Bus {
  /** Begins to listen. Called once; resolves at once, also when the other end cannot be reached yet. */
  open(listener: BusListener): void;
  /** Sends a notice, soon. Never throws. */
  publish(notice: Notice): void;
  /** Sends what waits, if it can, and lets go of every connection and timer. */
  close(): Promise<void>;
}
