/** The program's exit codes for failures. docs/operating/operations.md says the same. */
export const exitCodes = { failed: 1, misused: 2, interrupted: 130, pipeClosed: 141, terminated: 143 } as const;

/** The error that stops a command at the next moment when no work is half done. */
export class InterruptedError extends Error {
  readonly exitCode: number;

  constructor(
    exitCode: number,
    message = "Interrupted. What was done until then stays done; run the command again for the rest.",
  ) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The interruption that stopped some work. The part that did the work may have wrapped it in an error of its own. */
export function interruptionOf(error: unknown): InterruptedError | undefined {
  if (error instanceof InterruptedError) return error;
  return error instanceof Error && error.cause instanceof InterruptedError ? error.cause : undefined;
}
