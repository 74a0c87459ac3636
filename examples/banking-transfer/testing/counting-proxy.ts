import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** The address of a bank behind a proxy, with a count of a browser's streams. */
export interface CountingProxy {
  readonly url: string;
  /** The open streams, and all streams so far. */
  readonly open: number;
  readonly opened: number;
}

/** Passes all requests on to a bank, for the running test. */
export async function countStreams(bank: string): Promise<CountingProxy> {
  let [open, opened] = [0, 0];
  const server = createServer((req, res) => {
    if (req.url!.startsWith("/trpc/sessions.watch")) {
      open += 1;
      opened += 1;
      res.once("close", () => (open -= 1));
    }
    const passed = request(bank + req.url!, { method: req.method, headers: req.headers }, (answer) => {
      res.writeHead(answer.statusCode!, answer.headers).flushHeaders();
      answer.pipe(res);
    });
    passed.once("error", () => res.destroy());
    res.once("close", () => passed.destroy());
    req.pipe(passed);
  });
  await new Promise<void>((resolve) => server.listen(0, "localhost", resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    get open() {
      return open;
    },
    get opened() {
      return opened;
    },
  };
}
