import { createHash, randomBytes } from "node:crypto";
import { cookieValues } from "./cookies.ts";
import type { VisitRequest } from "./request-head.ts";

/** The header in which a browser's own code shows the secret of a visitor. */
const HEADER = "sign-in-visitor";
const SECRET_BYTES = 32;

/** The visitors whose secrets a request shows, as the ids of owners. */
export interface PresentedVisitors {
  readonly byHeader: string | undefined;
  readonly byCookie: string | undefined;
}

/** The visitors of a request. A text that is no secret counts as none, and so do two cookies. */
export function presentedVisitors({
  headers,
  cookieName,
}: Pick<VisitRequest, "headers" | "cookieName">): PresentedVisitors {
  const header = headers.get(HEADER);
  const values = cookieValues({ headers, cookieName }, "visitor");
  return {
    byHeader: header === null ? undefined : visitorOf(header),
    byCookie: values.length === 1 ? visitorOf(values[0]!) : undefined,
  };
}

/** A new secret of a visitor: 256 random bits. */
export function createVisitorSecret(): string {
  return randomBytes(SECRET_BYTES).toString("base64url");
}

/** The owner id of the visitor with this secret; undefined for a text that is no secret. Nobody finds the secret from the id. */
export function visitorOf(secret: string): string | undefined {
  const bytes = Buffer.from(secret, "base64url");
  const isSecret = bytes.length === SECRET_BYTES && bytes.toString("base64url") === secret;
  return isSecret ? `visitor-${createHash("sha256").update(bytes).digest("base64url")}` : undefined;
}
