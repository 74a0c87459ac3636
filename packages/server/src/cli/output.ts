import type { Terminal } from "./terminal.ts";

/** How a command speaks while it works. */
export interface Output {
  /** Writes a part of the result. */
  write(text: string): Promise<void>;
  /** Says something that is no result, on standard error. */
  note(line: string): void;
  /**
   * Says how far a long work has come, on standard error, and only to somebody who watches.
   *
   * @throws what the work was stopped with: call it where nothing is half done.
   */
  progress(text: string): void;
  /** Takes away what `progress` said. */
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
    async write(text) {
      await terminal.write(text);
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
