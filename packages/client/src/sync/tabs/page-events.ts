/** Functions to call when something happens to the page or its connection. */
export interface PageEvents {
  /** The page is hidden or goes away. It may be unable to send anything later. */
  readonly onHidden: () => void;
  /** The browser freezes the page, or keeps it for the back button. Other tabs must not wait for it. */
  readonly onAsleep: () => void;
  /** The page is visible or awake again, or the device has a connection again. */
  readonly onBack: () => void;
  /** The device has lost its connection, or has one again. */
  readonly onConnection: () => void;
}

/** Listens to the page, if there is one. The returned function ends this. */
export function onPageEvents({ onHidden, onAsleep, onBack, onConnection }: PageEvents): () => void {
  const page = globalThis.document;
  // Outside a browser there are no such events.
  if (page === undefined) return () => {};
  const closing = new AbortController();
  const { signal } = closing;

  page.addEventListener("visibilitychange", () => (page.hidden ? onHidden() : onBack()), { signal });
  page.addEventListener("freeze", onAsleep, { signal });
  page.addEventListener("resume", onBack, { signal });
  addEventListener(
    "pagehide",
    ({ persisted }) => {
      onHidden();
      if (persisted) onAsleep();
    },
    { signal },
  );
  addEventListener("pageshow", ({ persisted }) => persisted && onBack(), { signal });
  addEventListener("offline", onConnection, { signal });
  addEventListener(
    "online",
    () => {
      onConnection();
      onBack();
    },
    { signal },
  );
  return () => closing.abort();
}
