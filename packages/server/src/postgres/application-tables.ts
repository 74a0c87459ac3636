/**
 * The application's own tables, as `tx` sees them. Declare them once:
 *
 * @example
 * declare module "@sessions/server" {
 *   interface ApplicationTables { ledger: LedgerTable }
 * }
 */
// It has no members: an application adds its tables to it.
export interface ApplicationTables {}
