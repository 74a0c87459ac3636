import { connect, type Socket } from "node:net";

/** A kept-alive HTTP connection that needs little processor time. It sends one request at a time, with text as its body. */
export class HttpConnection {
  readonly #host: string;
  readonly #socket: Socket;
  #received = "";
  #answered: PromiseWithResolvers<string> | undefined;

  constructor(origin: string) {
    const { hostname, port, host } = new URL(origin);
    this.#host = host;
    this.#socket = connect(Number(port), hostname).setNoDelay(true).setEncoding("utf8");
    this.#socket.on("data", (text: string) => this.#receive(text));
    this.#socket.on("error", (error) => this.#answered?.reject(error));
    this.#socket.on("close", () => this.#answered?.reject(new Error("The connection was closed.")));
  }

  /** Gives the whole answer with its head. @throws {Error} if its status is not 20x. */
  post(path: string, body: string, headers: Readonly<Record<string, string>>): Promise<string> {
    const length = String(Buffer.byteLength(body));
    return this.#ask(
      `POST ${path}`,
      { "content-type": "application/json", "content-length": length, ...headers },
      body,
    );
  }

  /** As `post`, without a body. */
  get(path: string, headers: Readonly<Record<string, string>>): Promise<string> {
    return this.#ask(`GET ${path}`, headers, "");
  }

  close(): void {
    this.#socket.destroy();
  }

  async #ask(line: string, headers: Readonly<Record<string, string>>, body: string): Promise<string> {
    const lines = Object.entries({ host: this.#host, ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
    // A server closes a connection on which nothing was sent for some seconds.
    if (this.#socket.destroyed) throw new Error("The connection was closed.");
    this.#answered = Promise.withResolvers();
    this.#socket.write(`${line} HTTP/1.1\r\n${lines.join("")}\r\n${body}`);
    const answer = await this.#answered.promise;
    if (!/^HTTP\/1\.1 20\d/.test(answer)) throw new Error(answer.slice(0, 400));
    return answer;
  }

  #receive(text: string): void {
    this.#received += text;
    const head = this.#received.indexOf("\r\n\r\n");
    if (head === -1) return;
    const length = /\r\ncontent-length: *(\d+)/i.exec(this.#received.slice(0, head))?.[1];
    const whole =
      length === undefined
        ? this.#received.endsWith("0\r\n\r\n")
        : Buffer.byteLength(this.#received.slice(head + 4)) >= Number(length);
    if (!whole) return;
    const answer = this.#received;
    this.#received = "";
    this.#answered?.resolve(answer);
  }
}

/** Opens a stream of server-sent events, and reads it as text. Gives a function that ends it. */
export function openEventStream(
  origin: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  heard: (text: string) => void,
): () => void {
  const { hostname, port, host } = new URL(origin);
  const socket = connect(Number(port), hostname).setNoDelay(true).setEncoding("utf8");
  const lines = Object.entries({ host, accept: "text/event-stream", ...headers }).map(([k, v]) => `${k}: ${v}\r\n`);
  socket.write(`GET ${path} HTTP/1.1\r\n${lines.join("")}\r\n`);
  socket.on("data", heard);
  let ended = false;
  socket.on("error", (error) => {
    if (!ended) throw error;
  });
  // A reset frees the port at once. A plain end would keep tens of thousands of ports for a minute.
  return () => {
    ended = true;
    socket.resetAndDestroy();
  };
}
