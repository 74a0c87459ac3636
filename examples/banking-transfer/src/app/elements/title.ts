import { useEffect } from "react";

/** Sets the document's title. With null, a part of the page sets it. */
export function useTitle(page: string | null): void {
  useEffect(() => {
    if (page === null) return;
    document.title = `${page} – Harbour Bank`;
  }, [page]);
}
