import { once } from "node:events";

/** What a command is run with: a process's own streams, or a test's. */
export interface Terminal {
  /** The environment's DATABASE_URL. */
  readonly databaseUrl: string | undefined;
  /** Aborted by Ctrl-C. */
  readonly stop: AbortSignal;
  /** Writes to standard output, as fast as whoever reads takes it. */
  write(text: string): Promise<void>;
  /** Writes to standard error. */
  writeError(text: string): void;
  /** Whether somebody watches standard error. */
  readonly isWatched: boolean;
}

export function processTerminal(stop: AbortSignal): Terminal {
  return {
    databaseUrl: process.env["DATABASE_URL"],
    stop,
    async write(text) {
      if (!process.stdout.write(text)) await once(process.stdout, "drain", { signal: stop }).catch(() => {});
    },
    writeError: (text) => void process.stderr.write(text),
    isWatched: process.stderr.isTTY,
  };
}
