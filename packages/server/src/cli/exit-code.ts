/** How the program ends when not all is well. docs/operations.md says the same. */
export const exitCodes = { failed: 1, misused: 2, interrupted: 130, pipeClosed: 141, terminated: 143 } as const;

/** What stops a command at the next moment at which nothing is half done. */
export class Interrupted extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super("Interrupted. What was done until then stays done; run the command again for the rest.");
    this.exitCode = exitCode;
  }
}
