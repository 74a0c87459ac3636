/** What happens to a page and its connection. */
export interface PageEvents {
  /** The page is hidden or goes away: the last chance to send something. */
  readonly onHidden: () => void;
  /** The page is seen again, or the device has a connection again. */
  readonly onBack: () => void;
  /** The device has or has no connection now. */
  readonly onConnection: () => void;
}

/** Listens to the page, where there is one. Returns what ends it. */
export function onPageEvents({ onHidden, onBack, onConnection }: PageEvents): () => void {
  const page = globalThis.document;
  // Outside a browser there is nothing to hear.
  if (page === undefined) return () => {};
  const closing = new AbortController();
  const { signal } = closing;

  page.addEventListener("visibilitychange", () => (page.hidden ? onHidden() : onBack()), { signal });
  addEventListener("pagehide", onHidden, { signal });
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
