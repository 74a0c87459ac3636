export type { AdoptOption } from "./rows/adopted-table.ts";
export type { SessionsStoreOptions } from "./options.ts";
export { SessionsStore, type StoredSession } from "./sessions-store.ts";
