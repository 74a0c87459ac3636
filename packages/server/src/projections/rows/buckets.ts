import { hash } from "node:crypto";
import { sql, type RawBuilder } from "kysely";

/** A stream is in one bucket for ever, whoever owns it. */
export const bucketOf = (stream: string, buckets: number) => hash("sha256", stream, "buffer")[0]! % buckets;

/** The condition that streams are in a bucket, as `and …`. */
export function inBucket(
  stream: RawBuilder<unknown>,
  { bucket, buckets }: { readonly bucket: number; readonly buckets: number },
): RawBuilder<unknown> {
  if (buckets === 1) return sql``;
  return sql`and get_byte(sha256(convert_to(${stream}::text, 'UTF8')), 0) % ${sql.lit(buckets)} = ${sql.lit(bucket)}`;
}
