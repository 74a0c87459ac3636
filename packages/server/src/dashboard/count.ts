/** A number of rows, and how it was found. */
export interface Count {
  readonly rows: number;
  readonly how: "counted" | "at_least" | "estimated";
  /** When Postgres last looked at the table of an estimate, in milliseconds since 1970; null if that is not known. */
  readonly analysedMs?: number | null;
}
