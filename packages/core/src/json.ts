import { MAX_ISSUES } from "./issues.ts";

/** A JSON value. Objects may hold `undefined`, as zod's optional fields do; it is dropped before anything is stored. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** As `String.prototype.isWellFormed`, which the oldest browsers lack: a pair is one character here, and a half is none. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

/** The longest value that one command may carry, in characters of its JSON text. */
export const MAX_INPUT_LENGTH = 65_536;

/** How deep a value may nest. */
export const MAX_DEPTH = 32;

/** Why a value was not taken: where in it, and what is wrong there. Never the value itself. */
export interface Issue {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

export type Storable =
  | { readonly ok: true; readonly value: Json }
  | { readonly ok: false; readonly tooLarge: true }
  /** `more`: how many issues there are beside these. */
  | { readonly ok: false; readonly tooLarge: false; readonly issues: readonly Issue[]; readonly more: number };

/**
 * Checks that a value is plain JSON that every engine can keep, and copies it without its
 * `undefined` fields. Postgres refuses NUL and lone surrogates in jsonb; a `__proto__` key
 * would change an object instead of filling it; a deep value would overflow a recursive reader.
 */
export function storable(value: unknown): Storable {
  const issues: Issue[] = [];
  const path: (string | number)[] = [];
  let more = 0;
  let budget = MAX_INPUT_LENGTH;

  function note(message: string, at: Issue["path"] = path): void {
    if (issues.length < MAX_ISSUES) issues.push({ path: [...at], message });
    else more += 1;
  }

  function text(string: string): string {
    budget -= string.length + 2;
    if (!isWellFormed(string)) note("Text must not contain half of a surrogate pair.");
    if (string.includes("\0")) note("Text must not contain a NUL character.");
    return string;
  }

  function within(key: string | number, part: unknown): Json {
    path.push(key);
    const copied = copy(part);
    path.pop();
    return copied;
  }

  function copy(part: unknown): Json {
    if (budget < 0) return null;
    budget -= 1;
    if (path.length > MAX_DEPTH) {
      note(`Nested deeper than ${MAX_DEPTH} levels.`, []);
      return null;
    }
    if (part === null || typeof part === "boolean") return part;
    if (typeof part === "string") return text(part);
    if (typeof part === "number" && Number.isFinite(part)) {
      budget -= String(part).length;
      return part;
    }
    // Not `map`, which would leave the holes of a sparse array as they are.
    if (Array.isArray(part)) return Array.from(part, (item, index) => within(index, item));
    if (typeof part === "object" && isPlain(part)) {
      const result: Record<string, Json> = {};
      for (const [key, item] of Object.entries(part)) {
        if (item === undefined) continue;
        if (key === "__proto__") note("The key __proto__ is not allowed.");
        else result[text(key)] = within(key, item);
      }
      return result;
    }
    note("Not a JSON value.");
    return null;
  }

  const plain = copy(value);
  if (budget < 0) return { ok: false, tooLarge: true };
  return issues.length > 0 ? { ok: false, tooLarge: false, issues, more } : { ok: true, value: plain };
}

function isPlain(object: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(object);
  return prototype === Object.prototype || prototype === null;
}

/** Whether two JSON values are the same, whatever the order of their keys. */
export function sameJson(left: Json | undefined, right: Json | undefined): boolean {
  if (left === right) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  if (left === undefined || right === undefined || Array.isArray(left) !== Array.isArray(right)) return false;
  const a = Object.entries(left).filter(([, value]) => value !== undefined);
  const b = new Map(Object.entries(right).filter(([, value]) => value !== undefined));
  return a.length === b.size && a.every(([key, value]) => b.has(key) && sameJson(value as Json, b.get(key) as Json));
}
