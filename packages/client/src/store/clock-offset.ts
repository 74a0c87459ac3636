const KEY = "sessions:clock";

/** Keeps the difference of the server's clock from this device's, in milliseconds. A page that opens offline needs it. */
export interface ClockOffset {
  /** 0 if it is not known. */
  read(): number;
  write(offsetMs: number): void;
}

/** The offset of the device, for all owners. It tells nothing about a person. */
export const storedClockOffset: ClockOffset = {
  read() {
    try {
      return Number(localStorage.getItem(KEY)) || 0;
    } catch {
      // A sandboxed frame may have no `localStorage`, and a server has none.
      return 0;
    }
  },
  write(offsetMs) {
    try {
      localStorage.setItem(KEY, String(Math.round(offsetMs)));
    } catch {
      // There is no `localStorage`, as above. The next reply of the server tells the offset again.
    }
  },
};
