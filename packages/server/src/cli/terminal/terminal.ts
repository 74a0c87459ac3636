import { once } from "node:events";

/** The streams and settings of a command: those of a process, or those of a test. */
export interface Terminal {
  /** The environment's DATABASE_URL. */
  readonly databaseUrl: string | undefined;
  /** The environment's SESSIONS_KEYS. */
  readonly keys?: string | undefined;
  /** Aborted by Ctrl-C. */
  readonly stop: AbortSignal;
  /** Writes to standard output. It waits while the reader is slower. */
  write(part: string | Uint8Array): Promise<void>;
  /** Writes to standard error. */
  writeError(text: string): void;
  /** Whether a person watches standard error. */
  readonly isWatched: boolean;
}

export function processTerminal(stop: AbortSignal): Terminal {
  return {
    databaseUrl: process.env["DATABASE_URL"],
    keys: process.env["SESSIONS_KEYS"],
    stop,
    async write(part) {
      if (!process.stdout.write(part)) await once(process.stdout, "drain", { signal: stop }).catch(() => {});
    },
    writeError: (text) => void process.stderr.write(text),
    isWatched: process.stderr.isTTY,
  };
}
