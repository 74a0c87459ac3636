import { IncomingMessage, ServerResponse } from "node:http";
import { Socket } from "node:net";

/** A request and its answer without a connection. */
export interface DirectCall {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  /** Resolves when the answer has left, with its body. */
  readonly ended: Promise<string>;
}

const socket = new Socket();

/** A request of `node:http` for a handler that is called without a server: the time of a call is the handler's own. */
export function directCall(headers: Readonly<Record<string, string>>, method = "GET"): DirectCall {
  const req = Object.assign(new IncomingMessage(socket), {
    method,
    url: "/",
    headers: { host: "localhost", ...headers },
  });
  const res = new ServerResponse(req);
  const { promise, resolve } = Promise.withResolvers<string>();
  let sent = "";
  const write = (part?: string | Buffer) => {
    if (!res.headersSent) res.writeHead(res.statusCode);
    if (part !== undefined) sent += part.toString();
    return true;
  };
  // Middlewares replace these functions by some that call them when they are done.
  res.write = write as typeof res.write;
  res.end = ((part?: string | Buffer) => {
    write(part);
    resolve(sent);
    return res;
  }) as typeof res.end;
  return { req, res, ended: promise };
}
