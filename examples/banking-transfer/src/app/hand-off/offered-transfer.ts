const KEY = "bank-offered-transfer";

/** The transfer for which the person has last pressed "Go on at a computer" in this browser. */
export function offeredTransfer(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export function rememberOffered(id: string): void {
  try {
    localStorage.setItem(KEY, id);
  } catch {
    // Then the person chooses.
  }
}
