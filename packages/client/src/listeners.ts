/** Functions to call when something has changed. */
export interface Listeners {
  /** The returned function ends the subscription. */
  subscribe(listener: () => void): () => void;
  notify(): void;
}

export function createListeners(): Listeners {
  const listeners = new Set<() => void>();
  return {
    subscribe(listener) {
      // A wrapper, so that one function may subscribe twice.
      const own = () => listener();
      listeners.add(own);
      return () => listeners.delete(own);
    },
    notify() {
      for (const listener of listeners) {
        try {
          listener();
        } catch (error) {
          report(error);
        }
      }
    },
  };
}

/** Throws an error of the application's own code later: the page reports the error, and the client goes on. */
export function report(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
