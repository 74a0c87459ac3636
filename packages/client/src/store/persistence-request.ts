/** Returns a function that asks the browser, once, not to evict the data of this origin when space is short. */
export function createPersistenceRequest(): () => void {
  let isAsked = false;
  return () => {
    if (isAsked) return;
    isAsked = true;
    void globalThis.navigator?.storage?.persist?.().catch(() => {});
  };
}
