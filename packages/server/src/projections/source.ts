/** A row of a source, as {@link FeedSource.read} gets it. */
export interface SourceRow {
  readonly owner: string;
  /** The id of the stream that the row belongs to: for a history, the session. */
  readonly stream: string;
  /** The row's number in its stream; null if the source has no numbers. */
  readonly number: number | null;
  /** What `body` of the source gave. */
  readonly body: string;
}

/** The types of columns that a key can have. */
export type KeyType = "text" | "uuid" | "integer" | "bigint" | "timestamptz";

/**
 * A table to which rows are only added, and whose new rows a projection is fed with. It has the columns `owner_id`, and
 * `xid xid8 not null default pg_current_xact_id()` with an index that begins with it. Names and expressions here are parts
 * of SQL: they never hold anything that came from a person.
 */
export interface FeedSource<Entry> {
  /** A word for it, in messages: "sessions". */
  readonly name: string;
  readonly table: string;
  /** The column with the id of a row's stream. The rows of a stream are applied in order. It may be `owner_id`. */
  readonly stream: string;
  /**
   * The column that numbers the rows of a stream: 1, 2, 3, …, without a gap. Then a row is applied only after the one
   * before it, and never twice. If it is null, only the feed's position keeps a row from being applied twice; after the
   * restore of a dump into another cluster, all rows are fed again. So the effects must then be a function of the rows.
   */
  readonly number: string | null;
  /** The column with the time of a row, for the lag that operators see. */
  readonly at: string;
  /** The columns of the primary key with their types, `owner_id` first. A scan reads the table in this order. */
  readonly key: Readonly<Record<string, KeyType>>;
  /** An SQL expression for the text that `read` gets. */
  readonly body: string;
  /**
   * Whether no row comes after this one in its stream. Without it, how far each stream was applied is kept for ever. With
   * it, that is deleted a day after the last row was applied. A source that has it writes the first row of a stream at
   * most a day after the time that the row has in the column `at`.
   */
  isLast?(row: SourceRow): boolean;
  /** The entry of a row; null if this projection has no use for it. The row then counts as applied. */
  read(row: SourceRow): Entry | null | Promise<Entry | null>;
}
