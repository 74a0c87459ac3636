/** What happens to a page and its connection. */
export interface PageEvents {
  /** The page is hidden or goes away: the last chance to send something. */
  readonly onHidden: () => void;
  /** The page falls asleep, frozen or kept for the back button: it may not hold up others. */
  readonly onAsleep: () => void;
  /** The page is seen or awake again, or the device has a connection again. */
  readonly onBack: () => void;
  /** The device has or has no connection now. */
  readonly onConnection: () => void;
}

/** Listens to the page, where there is one. Returns what ends it. */
export function onPageEvents({ onHidden, onAsleep, onBack, onConnection }: PageEvents): () => void {
  const page = globalThis.document;
  // Outside a browser there is nothing to hear.
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
