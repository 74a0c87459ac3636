/** The facts of a sign-in that its row, its sealed copy and its owner's list show alike. */
export interface SignInFacts {
  /** A readable name of the browser or the app. */
  readonly device: string;
  /** A coarse place, if the application told one. */
  readonly place: string | null;
  /** How the person proved who they are, the last time. */
  readonly factors: readonly string[];
  /** The id of the only session of a guest, who has proved nothing; null for a sign-in of the owner's own. */
  readonly guestSession: string | null;
  /** When it began, in milliseconds since 1970, like the three below. */
  readonly sinceMs: number;
  readonly provedMs: number;
  /** Late by up to the touch slack. */
  readonly lastUsedMs: number;
  /** When it ends if nothing is done: the earlier of the idle and the absolute deadline. The idle one includes the slack. */
  readonly endsMs: number;
}
