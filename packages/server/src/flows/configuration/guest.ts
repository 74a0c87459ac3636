/** What a guest gets of each procedure. `own`: that of their session; every other session is as if it did not exist. */
export const guestProcedures = {
  push: "own",
  read: "own",
  list: "own",
  receipt: "own",
  changes: "own",
  watch: "own",
} as const;
