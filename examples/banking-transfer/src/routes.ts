/** A page of the bank, by its path. */
export type Route =
  | { readonly page: "home" | "side-by-side" | "sign-ins" | "hand-off" }
  | { readonly page: "transfer"; readonly id: string; readonly step: string | undefined };

/** The page at a path; null for no page. The browser and the server share it, so that the server can answer 404. */
export function routeOf(path: string): Route | null {
  if (path === "/") return { page: "home" };
  if (path === "/side-by-side") return { page: "side-by-side" };
  if (path === "/sign-ins") return { page: "sign-ins" };
  if (path === "/hand-off") return { page: "hand-off" };
  const [, id, step] = /^\/transfers\/([\w-]+)(?:\/(recipient|amount|source|review))?$/.exec(path) ?? [];
  return id ? { page: "transfer", id, step } : null;
}
