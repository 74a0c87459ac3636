import { MAX_ISSUES } from "./issues.ts";

/** A JSON value. Objects may hold `undefined`, as zod's optional fields do; it is dropped before anything is stored. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json | undefined };

/** Like `String.prototype.isWellFormed`, which the oldest browsers lack. A surrogate without its pair is not well formed. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

/** The longest value that one command may carry, in characters of its JSON text. */
export const MAX_INPUT_LENGTH = 65_536;

/** How many levels of objects and lists a value may have. */
export const MAX_DEPTH = 32;

/** A reason for refusing a value: the place in the value, and the problem there. It never holds the value itself. */
export interface Issue {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

export type Storable =
  | { readonly ok: true; readonly value: Json }
  | { readonly ok: false; readonly tooLarge: true }
  /** `more`: the number of further issues. */
  | { readonly ok: false; readonly tooLarge: false; readonly issues: readonly Issue[]; readonly more: number };

/**
 * Checks that a value is plain JSON that every kind of Postgres can store, and copies it without its `undefined` fields.
 * Postgres refuses NUL and lone surrogates in jsonb. A `__proto__` key would change the prototype of an object. A deep value
 * would overflow the stack of a recursive reader.
 */
export function toStorableJson(value: unknown): Storable {
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
    // `map` would skip the missing items of a sparse array.
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

/** Whether two JSON values are the same. The order of their keys does not matter. */
export function sameJson(left: Json | undefined, right: Json | undefined): boolean {
  if (left === right) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  if (left === undefined || right === undefined || Array.isArray(left) !== Array.isArray(right)) return false;
  const a = Object.entries(left).filter(([, value]) => value !== undefined);
  const b = new Map(Object.entries(right).filter(([, value]) => value !== undefined));
  return a.length === b.size && a.every(([key, value]) => b.has(key) && sameJson(value as Json, b.get(key) as Json));
}
