import { useSyncExternalStore, type ComponentProps, type MouseEvent } from "react";

const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  window.addEventListener("popstate", listener);
  return () => {
    listeners.delete(listener);
    window.removeEventListener("popstate", listener);
  };
}

/** The path of the page that is open. */
export function usePath(): string {
  return useSyncExternalStore(subscribe, () => location.pathname);
}

/** Opens a page. The query stays, because it names the device. */
export function navigate(path: string, options: { readonly replace?: boolean } = {}): void {
  const url = path + location.search;
  if (options.replace) history.replaceState(null, "", url);
  else history.pushState(null, "", url);
  window.scrollTo(0, 0);
  for (const listener of listeners) listener();
}

/** A link to a page of the application. */
export function Link({ to, ...props }: { readonly to: string } & Omit<ComponentProps<"a">, "href" | "onClick">) {
  function open(event: MouseEvent) {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    navigate(to);
  }
  return <a {...props} href={to + location.search} onClick={open} />;
}
