import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";

/** A session that the server has asked the browser to bind. */
interface BoundSession {
  readonly id: string;
  readonly refreshUrl: string;
  readonly cookie: string;
  readonly excluded: string;
  readonly key: KeyObject;
  challenge: string | null;
}

interface Cookie {
  readonly value: string;
  readonly endsMs: number;
}

interface Instructions {
  readonly session_identifier: string;
  readonly refresh_url: string;
  readonly scope: { readonly scope_specification: readonly { readonly path: string }[] };
  readonly credentials: readonly { readonly name: string; readonly attributes: string }[];
}

export interface BoundBrowserOptions {
  readonly send: (request: Request) => Promise<Response>;
  readonly now: () => number;
  readonly origin?: string;
  /** Whether it has Device Bound Session Credentials. */
  readonly binds?: boolean;
}

/** How often a refresh is tried that the server answers with a new challenge. */
const MAX_TRIES = 3;

/**
 * A browser with Device Bound Session Credentials, as the W3C's draft has their algorithms: it binds a session when an
 * answer asks for it, and holds a request up for a refresh if the session's cookie is missing.
 */
export class BoundBrowser {
  readonly jar = new Map<string, Cookie>();
  session: BoundSession | null = null;
  /** The requests that it made by itself: their paths, and the statuses of the answers. */
  readonly own: string[] = [];
  /** Why it makes no refresh, if it makes none. */
  skips: "unreachable" | "quota_exceeded" | null = null;
  readonly #options: Required<BoundBrowserOptions>;

  constructor(options: BoundBrowserOptions) {
    this.#options = { origin: "https://bank.example", binds: true, ...options };
  }

  /** The cookies that it would send now. */
  get cookie(): string {
    const nowMs = this.#options.now();
    return [...this.jar]
      .filter(([, { endsMs }]) => endsMs > nowMs)
      .map(([name, { value }]) => `${name}=${value}`)
      .join("; ");
  }

  /** Sends a request of one of its pages. */
  async fetch(path: string, { method = "GET", body, headers = {} }: RequestOfPage = {}): Promise<Response> {
    const skipped: Record<string, string> = {};
    if (this.session && this.#lacksCookie(this.session) && !path.startsWith(this.session.excluded)) {
      if (this.skips === null) await this.refresh();
      else skipped["secure-session-skipped"] = `${this.skips};session_identifier="${this.session.id}"`;
    }
    return this.#send(path, { method, body, headers: { "sec-fetch-site": "same-origin", ...skipped, ...headers } });
  }

  /** Refreshes the session, as a browser may at any time. */
  async refresh(headers: Readonly<Record<string, string>> = {}): Promise<number> {
    const { session } = this;
    for (let tries = 1; session !== null && tries <= MAX_TRIES; tries += 1) {
      const { challenge, id, key, refreshUrl } = session;
      const proof = challenge === null ? {} : { "secure-session-response": `"${proofOf(key, { jti: challenge })}"` };
      const sent = { "sec-secure-session-id": `"${id}"`, ...proof, ...headers };
      const response = await this.#send(refreshUrl, { method: "POST", headers: sent });
      this.own.push(`${refreshUrl} ${response.status}`);
      if (response.status === 403) continue;
      if (response.status >= 400 && response.status < 500 && ![407, 429].includes(response.status)) this.session = null;
      return response.status;
    }
    return 0;
  }

  #lacksCookie({ cookie }: BoundSession): boolean {
    return !this.cookie.split("; ").some((pair) => pair.startsWith(`${cookie}=`));
  }

  async #send(path: string, { method = "GET", body, headers = {} }: RequestOfPage): Promise<Response> {
    const { origin, send, binds } = this.#options;
    const cookie = this.cookie;
    const all = { ...(cookie !== "" && { cookie }), ...headers };
    const response = await send(new Request(`${origin}${path}`, { method, headers: all, ...(body && { body }) }));
    this.#take(response);
    const registration = response.headers.get("secure-session-registration");
    if (binds && registration !== null) await this.#register(registration);
    return response;
  }

  #take({ headers }: Response): void {
    for (const text of headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(text)!;
      const maxAgeSeconds = Number(/;\s*max-age=(\d+)/i.exec(text)?.[1] ?? Infinity);
      this.jar.set(name!, { value: value!, endsMs: this.#options.now() + maxAgeSeconds * 1_000 });
    }
    this.#takeChallenge({ headers });
  }

  #takeChallenge({ headers }: Pick<Response, "headers">): void {
    const challenge = /^"([^"]+)";id="([^"]+)"$/.exec(headers.get("secure-session-challenge") ?? "");
    const { session } = this;
    if (session !== null && challenge?.[2] === session.id) session.challenge = challenge[1]!;
  }

  async #register(header: string): Promise<void> {
    const [, path, challenge] = /^\(ES256\);path="([^"]+)";challenge="([^"]+)"$/.exec(header)!;
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const { kty, crv, x, y } = publicKey.export({ format: "jwk" });
    const proof = proofOf(privateKey, { jti: challenge! }, { jwk: { kty, crv, x, y } });
    const response = await this.#send(path!, { method: "POST", headers: { "secure-session-response": `"${proof}"` } });
    this.own.push(`${path} ${response.status}`);
    if (response.status !== 200) return;
    const given = (await response.json()) as Instructions;
    const [credential] = given.credentials;
    if (!this.cookie.includes(`${credential!.name}=`)) throw new Error("The answer sets another cookie than it names.");
    this.session = {
      id: given.session_identifier,
      refreshUrl: given.refresh_url,
      cookie: credential!.name,
      excluded: given.scope.scope_specification[0]!.path,
      key: privateKey,
      challenge: null,
    };
    // The draft reads the challenges of the answer once the session is there.
    this.#takeChallenge(response);
  }
}

interface RequestOfPage {
  readonly method?: string;
  readonly body?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A proof: a JWT that the key has signed. `head` adds to its header, or replaces a part of it. */
export function proofOf(key: KeyObject, payload: object, head: object = {}): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const text = `${part({ typ: "dbsc+jwt", alg: "ES256", ...head })}.${part(payload)}`;
  return `${text}.${sign("sha256", Buffer.from(text), { key, dsaEncoding: "ieee-p1363" }).toString("base64url")}`;
}
