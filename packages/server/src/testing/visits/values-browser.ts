import { randomBytes } from "node:crypto";
import { z } from "zod";
import type { DataDefinitions } from "@sessions/core/internal";
import type { Database } from "../../postgres/database.ts";
import { createSignIns } from "../../sign-in/create-sign-ins.ts";
import { visitorOf } from "../../sign-in/request/visitor-secret.ts";
import type { SignIns } from "../../sign-in/sign-ins.ts";
import type { Visit } from "../../sign-in/visit/visit.ts";

export const data = {
  cart: { schema: z.array(z.string()), per: "owner" },
  theme: { schema: z.enum(["light", "dark"]), per: "sign-in" },
  risk: { schema: z.number(), per: "owner", serverOnly: true },
} satisfies DataDefinitions;
type Data = typeof data;

/** A node that keeps values for visitors too. */
export function createValuesNode(
  database: Database,
  now: () => number,
  definitions: DataDefinitions = data,
): SignIns<Data> {
  return createSignIns({ database, visitors: true, data: definitions as Data, sweeps: false, onError: () => {}, now });
}

export const newVisitorSecret = () => randomBytes(32).toString("base64url");

/** A browser whose requests all go to one node. `secret` is the visitor's of its page. */
export class ValuesBrowser {
  readonly #node: SignIns<Data>;
  readonly jar = new Map<string, string>();
  secret: string | undefined;
  /** What its page sends with changes. */
  csrf = "";
  setCookies: readonly string[] = [];

  constructor(node: SignIns<Data>, secret?: string) {
    this.#node = node;
    this.secret = secret;
  }

  get visitor(): string | undefined {
    const cookie = this.jar.get("__Host-sign-in-visitor");
    return cookie && visitorOf(cookie);
  }

  /** One request. */
  async visit<T>(work: (visit: Visit<Data>) => Promise<T>, method = "POST"): Promise<T> {
    const headers = new Headers({ "sec-fetch-site": "same-origin", "sign-in-csrf": this.csrf });
    if (this.jar.size > 0) headers.set("cookie", [...this.jar].map((pair) => pair.join("=")).join("; "));
    if (this.secret !== undefined) headers.set("sign-in-visitor", this.secret);
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const response = await this.#node.fetch(new Request("https://bank.example/", { method, headers }), (visit) => {
      const working = work(visit);
      working.then(resolve, reject);
      return working.then(
        () => new Response(),
        () => new Response(null, { status: 500 }),
      );
    });
    this.setCookies = response.headers.getSetCookie();
    for (const cookie of this.setCookies) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie)!;
      if (/max-age=0\b/i.test(cookie)) this.jar.delete(name!);
      else this.jar.set(name!, value!);
    }
    return promise;
  }

  add(item: string) {
    return this.visit((visit) => visit.data.change("cart", (cart = []) => [...cart, item]));
  }

  cart() {
    return this.visit<string[] | undefined>((visit) => visit.data.get("cart"), "GET");
  }

  async signIn(owner: string) {
    const signedIn = await this.visit(async (visit) => {
      const result = await visit.signInAs(owner, { factors: ["password"] });
      this.csrf = visit.csrf!;
      return result;
    });
    return signedIn;
  }

  page<T>(ask: (router: ReturnType<SignIns["router"]["createCaller"]>) => Promise<T>): Promise<T> {
    return this.visit((visit) => ask(this.#node.router.createCaller({ visit })));
  }

  adopt(meanwhile = () => Promise.resolve(0)) {
    return this.visit(async (visit) => {
      await meanwhile();
      return this.#node.router.createCaller({ visit }).adopt();
    });
  }

  /** Another request of the same browser, with what it sends now. */
  copy(node = this.#node): ValuesBrowser {
    const copy = new ValuesBrowser(node, this.secret);
    for (const [name, value] of this.jar) copy.jar.set(name, value);
    copy.csrf = this.csrf;
    return copy;
  }
}
