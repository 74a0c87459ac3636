/** A statement and its values. */
export interface Statement {
  readonly text: string;
  readonly values: readonly (string | null)[];
}
