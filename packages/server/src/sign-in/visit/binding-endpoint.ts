import type { LiveSignIn, SignInKeeper } from "../keeper/sign-in-keeper.ts";
import { attributesOf, setCookie } from "../request/cookies.ts";
import { presentedToken } from "../request/presented-token.ts";
import type { VisitRequest } from "../request/request-head.ts";
import {
  BOUND_KEPT_MS,
  boundCookie,
  challengeOf,
  registrationChallenge,
  same,
  type DeviceBinding,
} from "../token/device-binding.ts";
import { deviceProof } from "../token/device-proof.ts";
import { REGISTRATION_MS } from "./bound-request.ts";
import type { VisitHeaders } from "./exchange/visit-headers.ts";

export interface EndpointAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface BindingEndpointParts {
  readonly keeper: Pick<SignInKeeper, "bindDevice" | "renewDevice">;
  readonly path: string;
  readonly now: () => number;
  readonly signInOf: (request: VisitRequest, headers: VisitHeaders) => Promise<LiveSignIn | null>;
  readonly ask: <T>(asked: Promise<T>) => Promise<T>;
}

/**
 * The two endpoints that a browser calls by itself, after the W3C's draft "Device Bound Session Credentials": `registration`
 * binds a sign-in to the key of the device, and `refresh` gives the short cookie for a signed challenge.
 */
export class BindingEndpoint {
  readonly #parts: BindingEndpointParts;

  constructor(parts: BindingEndpointParts) {
    this.#parts = parts;
  }

  /** The answer, or undefined if the request is for something else. */
  answer(request: VisitRequest, headers: VisitHeaders): Promise<EndpointAnswer> | undefined {
    const { path } = this.#parts;
    if (!request.path.startsWith(`${path}/`) || request.method !== "POST") return undefined;
    if (request.path === `${path}/registration`) return this.#register(request, headers);
    return request.path === `${path}/refresh` ? this.#refresh(request, headers) : undefined;
  }

  async #register(request: VisitRequest, headers: VisitHeaders): Promise<EndpointAnswer> {
    const proof = isOtherSite(request) ? undefined : deviceProof(stringOf(request, "secure-session-response") ?? "");
    const presented = presentedToken(request);
    if (proof === undefined || presented?.carrier !== "cookie") return refused(400);
    const signIn = await this.#parts.signInOf(request, headers);
    if (signIn === null) return refused(401);
    const { token } = presented;
    const isRecent = this.#parts.now() - signIn.provedMs < REGISTRATION_MS;
    if (!isRecent || !same(proof.challenge, registrationChallenge(token.secret, signIn.publicId))) return refused(400);
    const binding = await this.#parts.ask(this.#parts.keeper.bindDevice(signIn, proof.key));
    return binding === null ? refused(400) : this.#bound(request, signIn, binding);
  }

  async #refresh(request: VisitRequest, headers: VisitHeaders): Promise<EndpointAnswer> {
    const { keeper, now, signInOf, ask } = this.#parts;
    const id = stringOf(request, "sec-secure-session-id");
    // A page cannot write this header.
    if (id === undefined) return refused(400);
    // A browser forgets its key after most refusals, and after this one it does not: no other site can end a sign-in.
    if (isOtherSite(request)) return refused(429);
    const signIn = await signInOf(request, headers);
    const binding = signIn?.publicId === id ? signIn.binding : null;
    if (signIn === null || binding === null) return refused(401);
    const text = stringOf(request, "secure-session-response");
    const proof = text === undefined ? undefined : deviceProof(text, binding.key);
    if (text !== undefined && proof === undefined) return refused(400);
    const renewed = await ask(keeper.renewDevice(signIn, proof?.challenge ?? null));
    if (renewed.kind === "unbound") return refused(401);
    if (renewed.kind === "proved") return this.#bound(request, signIn, renewed.binding);
    return refused(403, challengeHeader(renewed.binding, id, now()));
  }

  #bound(request: VisitRequest, { publicId }: LiveSignIn, binding: DeviceBinding): EndpointAnswer {
    const { path, now } = this.#parts;
    const value = boundCookie(binding, publicId, now());
    const { name, attributes } = attributesOf(request, "bound");
    return {
      status: 200,
      headers: {
        ...noStore,
        "set-cookie": setCookie(request, { kind: "bound", value, maxAgeSeconds: BOUND_KEPT_MS / 1_000 }),
        // With it the next refresh takes one request, and not two.
        ...challengeHeader(binding, publicId, now()),
      },
      body: JSON.stringify({
        session_identifier: publicId,
        refresh_url: `${path}/refresh`,
        scope: { include_site: false, scope_specification: [{ type: "exclude", domain: "*", path }] },
        credentials: [{ type: "cookie", name, attributes }],
      }),
    };
  }
}

const noStore = {
  "content-type": "application/json",
  "cache-control": "no-store",
  // Another site can neither show the answer nor tell from it whether somebody is signed in.
  "cross-origin-resource-policy": "same-origin",
};

function refused(status: number, headers: Readonly<Record<string, string>> = {}): EndpointAnswer {
  return { status, headers: { ...noStore, ...headers }, body: "{}" };
}

function challengeHeader(binding: DeviceBinding, publicId: string, nowMs: number): Record<string, string> {
  return { "secure-session-challenge": `"${challengeOf(binding, publicId, nowMs)}";id="${publicId}"` };
}

/** A structured field that is a string (RFC 9651), without its parameters. No value here has a quote or a backslash. */
function stringOf({ headers }: VisitRequest, name: string): string | undefined {
  return /^ *"([^"\\]*)" *(?:;.*)?$/.exec(headers.get(name) ?? "")?.[1];
}

/** Whether a page of another site has caused the request. A browser may send neither header with a request of its own. */
function isOtherSite({ headers, origin: own }: VisitRequest): boolean {
  const [site, origin] = [headers.get("sec-fetch-site"), headers.get("origin")];
  if (site !== null) return site !== "same-origin" && site !== "none";
  return origin !== null && origin !== own && origin !== own?.replace(/^http:/, "https:");
}
