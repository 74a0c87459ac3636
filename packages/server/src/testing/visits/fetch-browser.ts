import { v7 as uuidv7 } from "uuid";
import { PROTOCOL_VERSION, type Command } from "@sessions/core/internal";

const origin = "https://bank.example";

/** A node that answers the requests of `fetch`. */
export interface FetchNode {
  answer(request: Request): Promise<Response>;
}

/** A browser of several nodes, which keeps its cookies and the value for changes. */
export class FetchBrowser {
  readonly #jar = new Map<string, string>();
  readonly #device = { id: uuidv7(), name: "Browser" };
  csrf = "";

  async send(
    node: FetchNode,
    path: string,
    body?: object,
    method = body ? "POST" : "GET",
    more: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    const cookie = [...this.#jar].map(([name, value]) => `${name}=${value}`).join("; ");
    const headers = { cookie, origin, "content-type": "application/json", "sign-in-csrf": this.csrf, ...more };
    const init = { method, headers, ...(body && { body: JSON.stringify(body) }) };
    const response = await node.answer(new Request(`${origin}${path}`, init));
    for (const set of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(set)!;
      if (/max-age=0\b/i.test(set)) this.#jar.delete(name!);
      else this.#jar.set(name!, value!);
    }
    return response;
  }

  get cookies(): readonly string[] {
    return [...this.#jar.keys()];
  }

  async call<T = Record<string, unknown>>(node: FetchNode, procedure: string, body?: object, input?: object) {
    const query = input === undefined ? "" : `?input=${encodeURIComponent(JSON.stringify(input))}`;
    const response = await this.send(node, `/${procedure}${query}`, body);
    const { result } = (await response.json()) as { readonly result?: { readonly data: T } };
    return { status: response.status, data: result?.data as T };
  }

  async current(node: FetchNode) {
    const { data } = await this.call<{ csrf: string | null; owner: string | null; guest: object | null }>(
      node,
      "signIns.current",
    );
    this.csrf = data.csrf ?? "";
    return data;
  }

  async signIn(node: FetchNode, owner: string): Promise<void> {
    await this.send(node, `/?sign-in-as=${owner}`, {});
    await this.current(node);
  }

  async push(node: FetchNode, ...commands: readonly Command[]) {
    const body = { protocol: PROTOCOL_VERSION, device: this.#device, commands };
    return (await this.call<{ outcomes: readonly object[] }>(node, "sessions.push", body)).data?.outcomes;
  }

  /** Opens the stream. `rest` gives its text once it has ended. */
  async watch(node: FetchNode): Promise<{ rest(): Promise<string> }> {
    const input = encodeURIComponent(JSON.stringify({ protocol: PROTOCOL_VERSION, known: {} }));
    const response = await this.send(node, `/sessions.watch?input=${input}`);
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (!text.includes("snapshots")) text += (await reader.read()).value ?? "";
    const rest = async () => {
      for (let part = await reader.read(); !part.done; part = await reader.read()) text += part.value;
      return text;
    };
    return { rest };
  }
}
