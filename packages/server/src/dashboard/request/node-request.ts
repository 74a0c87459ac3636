import type { IncomingMessage, ServerResponse } from "node:http";

/** The most bytes of a form. */
export const FORM_BYTES = 16 * 1024;

/** Express cuts the address where it mounts, and may have read the form already. */
type MountedRequest = IncomingMessage & { readonly originalUrl?: string; readonly body?: unknown };

/** A request of Node as `Request`. Null if its form is too large. */
export async function requestFrom(incoming: MountedRequest): Promise<Request | null> {
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined && !name.startsWith(":"))
      headers.set(name, typeof value === "string" ? value : value.join(", "));
  }
  const authority = incoming.headers[":authority"];
  const host = headers.get("host") ?? (typeof authority === "string" ? authority : "localhost");
  const scheme = "encrypted" in incoming.socket ? "https" : "http";
  const address = incoming.originalUrl ?? incoming.url ?? "/";
  const base = URL.parse(`${scheme}://${host}`) ?? new URL("http://localhost");
  const url = new URL(address.startsWith("/") ? `${base.origin}/${address.replace(/^\/+/, "")}` : "/", base);
  const method = incoming.method ?? "GET";
  if (method !== "POST") return new Request(url, { method: method === "HEAD" ? "HEAD" : method, headers });
  const body = await formOf(incoming);
  if (body === null) return null;
  headers.delete("content-length");
  headers.delete("transfer-encoding");
  return new Request(url, { method, headers, body });
}

async function formOf(incoming: MountedRequest): Promise<string | null> {
  if (typeof incoming.body === "object" && incoming.body !== null) {
    const fields = Object.entries(incoming.body).filter(
      (field): field is [string, string] => typeof field[1] === "string",
    );
    return new URLSearchParams(fields).toString();
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > FORM_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

export async function send(response: ServerResponse, answer: Response, isHead: boolean): Promise<void> {
  if (response.headersSent || response.destroyed) return;
  const body = Buffer.from(await answer.arrayBuffer());
  response.statusCode = answer.status;
  for (const [name, value] of answer.headers) response.setHeader(name, value);
  response.setHeader("content-length", body.length);
  response.end(isHead ? undefined : body);
}
