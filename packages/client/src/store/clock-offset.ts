const KEY = "sessions:clock";

/** Keeps by how much the server's clock differs from this device's, in milliseconds: a page that opens offline needs it too. */
export interface ClockOffset {
  /** 0 while it is not known. */
  read(): number;
  write(offsetMs: number): void;
}

/** Of a device, whoever uses it: it says nothing of anyone. */
export const storedClockOffset: ClockOffset = {
  read() {
    try {
      return Number(localStorage.getItem(KEY)) || 0;
    } catch {
      // A sandboxed frame may have none, nor has a server.
      return 0;
    }
  },
  write(offsetMs) {
    try {
      localStorage.setItem(KEY, String(Math.round(offsetMs)));
    } catch {
      // As above: then it is known again once the server is heard.
    }
  },
};
