import type { HandOffTarget } from "../sign-in/sign-in-api.ts";

/** A request of a computer on which nobody is signed in. */
export interface ScriptedRequest {
  readonly id: string;
  readonly code: string;
  readonly number: number;
  status: "waiting" | "gone" | "approved";
  target?: HandOffTarget & { readonly owner: string };
}

interface Sent extends Partial<HandOffTarget> {
  readonly id?: string;
  readonly code?: string;
  readonly number?: number;
  readonly letters?: string;
}

const AT = "2026-03-01T12:00:00.000Z";

/** `signIns.router.handOff` in memory. It believes each signature. */
export class ScriptedHandOffs {
  /** What was asked for, the oldest first. */
  readonly requests: ScriptedRequest[] = [];
  readonly #letters = new Map<string, HandOffTarget & { readonly owner: string }>();

  /** The answer to a person, or to a computer if `owner` is null. Null if it needs a person. */
  answer(name: string, sent: Sent, owner: string | null): object | null {
    const target = { session: sent.session!, flow: sent.flow!, step: sent.step ?? null };
    if (name === "ask") return owner === null ? this.#ask() : { status: "signed_in" };
    if (name === "claim") return this.#claim(sent.id!);
    if (owner === null) return null;
    const request = this.requests.find(({ code, status }) => code === sent.code && status === "waiting");
    switch (name) {
      case "offer":
        this.#letters.set("CDFGHJKM", { ...target, owner });
        return { letters: "CDFGHJKM", endsAt: AT };
      case "find": {
        const { owner: of, ...found } = this.#letters.get(sent.letters!) ?? { owner: null };
        return of === owner ? { status: "found", ...found } : { status: "none" };
      }
      case "look":
        return request
          ? { status: "asked", device: "Firefox", place: null, askedAt: AT, endsAt: AT, numbers: [10, 42, 99] }
          : { status: "gone" };
      case "approve":
        if (!request) return { status: "gone" };
        if (request.number !== sent.number) return this.#end(request, { status: "wrong_number" });
        Object.assign(request, { status: "approved", target: { ...target, owner } });
        return { status: "approved" };
      default:
        return request ? this.#end(request, { declined: true }) : { declined: false };
    }
  }

  #ask(): object {
    const id = crypto.randomUUID();
    const request: ScriptedRequest = { id, code: `code ${this.requests.length + 1}`, number: 42, status: "waiting" };
    this.requests.push(request);
    return { status: "asked", id, code: request.code, number: 42, challenge: "challenge", endsAt: AT };
  }

  #claim(id: string): object {
    const { status, target } = this.requests.find((request) => request.id === id) ?? { status: "gone" };
    return status === "approved" ? { status: "begun", ...target } : { status, endsAt: AT };
  }

  #end<T>(request: ScriptedRequest, answer: T): T {
    request.status = "gone";
    return answer;
  }
}
