/** Where the Postgres is that a pool reaches through a pooler; nothing for a pool without one. */
export const directUrls = new WeakMap<object, string>();
