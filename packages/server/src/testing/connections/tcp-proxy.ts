import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** A network between a client and a server that tests can break: it cuts, refuses and delays. */
export class TcpProxy {
  /** How long each piece of data is delayed from now on, in milliseconds. */
  delayMs = 0;
  /** Whether new connections are refused. */
  refusing = false;
  /** Whether the data of both sides is lost, on connections that stay open. */
  isSilent = false;
  /** Called with each piece of data of a client, before it is passed on: with a driver that does not pipeline, a statement. */
  onSent: () => void | Promise<void> = () => {};
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Listens on a loopback port, for connections to this host and port. */
  static async to(host: string, port: number): Promise<TcpProxy> {
    const server = createServer();
    const proxy = new TcpProxy(server);
    server.on("connection", (client) => proxy.#join(client, host, port));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** How many ends of connections are open. */
  get size(): number {
    return this.#sockets.size;
  }

  /** Cuts every connection. Data that has not arrived is lost. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(client: Socket, host: string, port: number): void {
    if (this.refusing) {
      client.destroy();
      return;
    }
    const server = connect(port, host);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      let last = Promise.resolve();
      from.on("data", (data) => {
        if (this.isSilent) return;
        const arrival = this.#arrival();
        // Pieces keep their order even if the delay changes meanwhile.
        last = last.then(() => arrival);
        if (from === client) last = last.then(() => this.onSent());
        last = last.then(() => void to.write(data));
      });
      from.on("error", () => {});
      from.on("close", () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }

  async #arrival(): Promise<void> {
    if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
  }
}

/** Starts a proxy before a Postgres. Returns it, and the URL through it. */
export async function proxied(url: string): Promise<{ readonly proxy: TcpProxy; readonly url: string }> {
  const through = new URL(url);
  const proxy = await TcpProxy.to(through.hostname, Number(through.port || 5432));
  through.hostname = "127.0.0.1";
  through.port = String(proxy.port);
  return { proxy, url: through.href };
}
