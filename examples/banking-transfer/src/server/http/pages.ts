import { readFile } from "node:fs/promises";
import type { RequestListener } from "node:http";
import { join } from "node:path";
import sirv from "sirv";
import { routeOf } from "../../routes.ts";

/** Serves the built pages. All are one document. A path without a page gets it with the status 404. */
export function servePages(directory: string): RequestListener {
  const files = sirv(directory);
  const notFound: RequestListener = (_req, res) => {
    res.statusCode = 404;
    readFile(join(directory, "index.html")).then(
      (document) => res.setHeader("content-type", "text/html;charset=utf-8").end(document),
      () => res.end(),
    );
  };

  return (req, res) => {
    const [path = ""] = (req.url ?? "").split("?");
    if (routeOf(path)) req.url = "/";
    files(req, res, () => notFound(req, res));
  };
}
