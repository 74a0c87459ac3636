import { request, type IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";

export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly setCookies: readonly string[];
  /** The cookies of a sign-in that the answer sets. */
  readonly signInCookies: readonly string[];
  readonly body: string;
}

export interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

/** The body of every answer, and every token that was issued, in this test file. */
export const seen = { bodies: [] as string[], tokens: new Set<string>() };

/** Sends one request with exactly these headers, which `fetch` would not do. */
export async function send(url: string, { method = "GET", headers = {}, body }: Sent = {}): Promise<Answered> {
  const outgoing = request(url, { method, headers: { "content-type": "application/json", ...headers }, agent: false });
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on("response", resolve).on("error", reject);
  });
  outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  const incoming = await response;
  const setCookies = incoming.headers["set-cookie"] ?? [];
  const answered = {
    status: incoming.statusCode!,
    headers: incoming.headers,
    setCookies,
    signInCookies: setCookies.filter((cookie) => /^(__Host-)?sign-in=/.test(cookie)),
    body: await text(incoming),
  };
  seen.bodies.push(answered.body);
  const issued = [
    ...answered.signInCookies.map((cookie) => /=([^;]*)/.exec(cookie)![1]!),
    answered.headers["sign-in-token"],
  ];
  for (const token of issued) if (token) seen.tokens.add(String(token));
  return answered;
}

/** A browser on one site: it has a cookie jar, and tells where its requests come from. */
export class Browser {
  readonly jar = new Map<string, string>();
  readonly #url: string;
  readonly #host: string;
  /** What the browser's page sends with its changes. */
  csrf: string | null = null;

  constructor(url: string, host = "bank.example") {
    this.#url = url;
    this.#host = host;
  }

  get cookie(): string {
    return [...this.jar].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  /** The token in the jar, as the cookie has it. */
  get token(): string | undefined {
    return this.jar.get("__Host-sign-in") ?? this.jar.get("sign-in");
  }

  /** Sends without taking the answer's cookies. */
  async ask(path: string, { headers = {}, ...sent }: Sent = {}): Promise<Answered> {
    const own: Record<string, string> = { host: this.#host, "sec-fetch-site": "same-origin" };
    if (this.jar.size > 0) own["cookie"] = this.cookie;
    return send(`${this.#url}${path}`, { ...sent, headers: { ...own, ...headers } });
  }

  take({ setCookies }: Answered): void {
    for (const cookie of setCookies) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie)!;
      if (/max-age=0\b/i.test(cookie)) this.jar.delete(name!);
      else this.jar.set(name!, value!);
    }
  }

  async send(path: string, sent: Sent = {}): Promise<Answered> {
    const answered = await this.ask(path, sent);
    this.take(answered);
    return answered;
  }

  post(path: string, body: unknown = {}, headers: Readonly<Record<string, string>> = {}): Promise<Answered> {
    return this.send(path, { method: "POST", body, headers });
  }

  /** Calls a procedure of the sign-ins' router, and gives its data or its code. */
  async call(procedure: string, input?: unknown, headers: Readonly<Record<string, string>> = {}) {
    const isQuery = procedure === "current" || procedure === "list";
    const query = isQuery && input !== undefined ? `?input=${encodeURIComponent(JSON.stringify(input))}` : "";
    const path = `/trpc/signIns.${procedure}${query}`;
    const csrf = this.csrf === null ? {} : { "sign-in-csrf": this.csrf };
    const answered = isQuery
      ? await this.send(path, { headers })
      : await this.post(path, input ?? {}, { ...csrf, ...headers });
    const { result, error } = JSON.parse(answered.body || "{}") as {
      result?: { data: never };
      error?: { data: { code: string } };
    };
    return { ...answered, data: result?.data as unknown, code: error?.data?.code };
  }

  /** Signs in, and reads the value for changes. */
  async signIn(owner: string, factors: readonly string[] = ["password"]): Promise<Answered> {
    const answered = await this.post("/sign-in", { owner, factors });
    this.csrf = ((await this.call("current")).data as { csrf: string }).csrf;
    return answered;
  }
}
