import type { Terminal } from "./terminal.ts";

/** A command's output while it works. */
export interface Output {
  /** Writes a part of the result. */
  write(part: string | Uint8Array): Promise<void>;
  /** Writes a line that is not part of the result, to standard error. */
  note(line: string): void;
  /**
   * Writes the progress of long work to standard error, only if a person watches it.
   *
   * @throws the reason for which the work was stopped. Call it where no work is half done.
   */
  progress(text: string): void;
  /** Removes the text of `progress`. */
  clear(): void;
}

const CLEAR_LINE = "\r\u001b[K";

export function createOutput(terminal: Terminal): Output {
  let shown = false;
  const clear = () => {
    if (shown) terminal.writeError(CLEAR_LINE);
    shown = false;
  };
  return {
    async write(part) {
      await terminal.write(part);
      terminal.stop.throwIfAborted();
    },
    note(line) {
      clear();
      terminal.writeError(`${line}\n`);
    },
    progress(text) {
      terminal.stop.throwIfAborted();
      if (!terminal.isWatched) return;
      terminal.writeError(`${CLEAR_LINE}${text}`);
      shown = true;
    },
    clear,
  };
}
