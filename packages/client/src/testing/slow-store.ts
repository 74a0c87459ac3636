import { vi } from "vitest";

/** A browser that opens no database before the returned function is called. */
export function slowStore(): () => void {
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  const real = indexedDB.open.bind(indexedDB);
  vi.spyOn(indexedDB, "open").mockImplementation((...given) => {
    const shell = { readyState: "pending", result: undefined, error: null, transaction: null } as unknown as Shell;
    void opened.then(() => {
      const request = real(...given);
      const pass = (name: "onupgradeneeded" | "onsuccess" | "onerror") => (event: Event) => {
        const result = request.error === null ? request.result : undefined;
        Object.assign(shell, { result, error: request.error, transaction: request.transaction });
        shell[name]?.(event);
      };
      for (const name of ["onupgradeneeded", "onsuccess", "onerror"] as const) request[name] = pass(name);
    });
    return shell as unknown as IDBOpenDBRequest;
  });
  return open;
}

type Shell = Record<"onupgradeneeded" | "onsuccess" | "onerror", ((event: Event) => void) | null>;
