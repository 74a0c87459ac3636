/** The direct URL of the Postgres that a pool reaches through a pooler. A pool without a pooler has no entry. */
export const directUrls = new WeakMap<object, string>();
