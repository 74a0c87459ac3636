import { useEffect } from "react";

/** Names the page in the browser's tab and history, and to a screen reader when it is opened. Null leaves that to a part. */
export function useTitle(page: string | null): void {
  useEffect(() => {
    if (page === null) return;
    document.title = `${page} – Harbour Bank`;
  }, [page]);
}
