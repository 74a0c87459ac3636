import { randomUUID } from "node:crypto";
import {
  boundedCheck,
  parseData,
  sameJson,
  SessionsError,
  type DataDefinition,
  type DataDefinitions,
  type DataRefusal,
  type Json,
} from "@sessions/core/internal";
import { NO_DATUM, type DataPlace, type SignInKeeper, type StoredDatum } from "../../keeper/sign-in-keeper.ts";
import type { DataHolder } from "./data-holder.ts";
import type { VisitData } from "./visit-data.ts";
import type { Exchange } from "../exchange/exchange.ts";
import { VisitError } from "../exchange/visit-error.ts";

/** How often a change begins again because another one came first. Each time somebody's change was made. */
const MAX_ATTEMPTS = 50;

export interface KeptDataParts {
  readonly definitions: DataDefinitions;
  readonly keeper: Pick<SignInKeeper, "readData" | "changeData" | "listDataConflicts">;
  readonly holder: DataHolder;
  readonly exchange: Pick<Exchange, "ask">;
}

/** A value and its version, for a page. Without `value` there is none. */
export interface VersionedValue {
  readonly version: number;
  readonly value?: Json;
}

/** A value that waits beside another one, for a page. */
export interface WaitingValue {
  readonly id: string;
  readonly value: Json;
}

/** What a page knows of a value when it changes it. */
export interface PageChange {
  readonly base: number;
  /** The page makes this id. */
  readonly change: string;
  readonly value?: unknown;
  /** The ids of values that wait beside it, and that the change decides about. */
  readonly resolves?: readonly string[] | undefined;
}

type Next = (before: Json | undefined) => Json | undefined;

export type SetResult =
  | { readonly status: "changed"; readonly version: number }
  | ({ readonly status: "conflict" } & VersionedValue)
  | { readonly status: "refused"; readonly refusal: DataRefusal };

/** The values of one visit. */
export class KeptData implements VisitData<DataDefinitions> {
  readonly #parts: KeptDataParts;

  constructor(parts: KeptDataParts) {
    this.#parts = parts;
  }

  async get(key: string): Promise<Json | undefined> {
    const place = this.#placeOf(key);
    const stored = place && (await this.#ask(this.#parts.keeper.readData(place)));
    // Nobody is signed in, or an owner has adopted the visitor.
    return stored ? this.#valueOf(key, stored) : undefined;
  }

  async change(key: string, next: Next): Promise<Json | undefined> {
    return this.#change(key, async (_, before) => ({ after: next(before), resolves: [] }));
  }

  async conflicts(key: string): Promise<readonly Json[]> {
    const place = this.#placeOf(key);
    return place ? (await this.#waiting(key, place)).map(({ value }) => value) : [];
  }

  async resolve(
    key: string,
    next: (own: Json | undefined, others: readonly Json[]) => Json | undefined,
  ): Promise<Json | undefined> {
    return this.#change(key, async (place, before) => {
      const others = await this.#waiting(key, place);
      const ids = others.map(({ id }) => id);
      return {
        after:
          ids.length === 0
            ? before
            : next(
                before,
                others.map(({ value }) => value),
              ),
        resolves: ids,
      };
    });
  }

  /** The value of a key, with its version and the values that wait beside it. */
  async read(key: string): Promise<VersionedValue & { readonly conflicts?: readonly WaitingValue[] }> {
    const place = this.#placeOf(key);
    if (place === null) {
      if (this.#parts.holder.isStranger) return this.#versioned(key, NO_DATUM);
      throw new VisitError("signed_out");
    }
    const [stored, conflicts] = await Promise.all([this.#load(place), this.#waiting(key, place)]);
    return { ...this.#versioned(key, stored), ...(conflicts.length > 0 && { conflicts }) };
  }

  /** Changes a value for a page, which has seen the version `base`. */
  async set(key: string, { value, ...made }: PageChange): Promise<SetResult> {
    const { holder, keeper } = this.#parts;
    const definition = this.#definitionOf(key);
    const place = holder.placeToChange(key, definition);
    const checked = value === undefined ? undefined : parseData(key, definition, value, boundedCheck);
    if (checked?.ok === false) return { status: "refused", refusal: checked.refusal };
    const text = checked === undefined ? null : JSON.stringify(checked.value);
    const result = await this.#ask(keeper.changeData(place, { ...made, text }));
    if (result.kind === "signed_out") throw holder.lose();
    if (result.kind === "conflict") return { status: "conflict", ...this.#versioned(key, result.stored) };
    holder.keep();
    return { status: "changed", version: result.version };
  }

  /** Whether a page may see and change a key. */
  isForPages(key: string): boolean {
    const { definitions } = this.#parts;
    return Object.hasOwn(definitions, key) && definitions[key]!.serverOnly !== true;
  }

  async #change(
    key: string,
    make: (
      place: DataPlace,
      before: Json | undefined,
    ) => Promise<{ readonly after: Json | undefined; readonly resolves: readonly string[] }>,
  ): Promise<Json | undefined> {
    const { holder, keeper } = this.#parts;
    const definition = this.#definitionOf(key);
    const { isStranger } = holder;
    const place = holder.placeToChange(key, definition);
    let stored = isStranger ? NO_DATUM : await this.#load(place);
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      const before = this.#valueOf(key, stored);
      const made = await make(place, structuredClone(before));
      const after = parsed(key, definition, made.after);
      if (sameJson(before, after) && made.resolves.length === 0) return after;
      const text = after === undefined ? null : JSON.stringify(after);
      const change = { base: stored.version, text, change: randomUUID(), resolves: made.resolves };
      const result = await this.#ask(keeper.changeData(place, change));
      if (result.kind === "signed_out") throw holder.lose();
      if (result.kind === "changed") {
        holder.keep();
        return after;
      }
      ({ stored } = result);
    }
    throw new VisitError("unavailable");
  }

  async #load(place: DataPlace): Promise<StoredDatum> {
    const stored = await this.#ask(this.#parts.keeper.readData(place));
    if (stored === null) throw this.#parts.holder.lose();
    return stored;
  }

  /** The values that wait beside one of the person who is signed in. */
  async #waiting(key: string, place: DataPlace): Promise<readonly WaitingValue[]> {
    if (!this.#parts.holder.isSignedIn) return [];
    const stored = await this.#ask(this.#parts.keeper.listDataConflicts(place));
    return stored.map(({ id, text }) => ({ id, value: this.#readable(key, text, "that waits beside it") }));
  }

  #ask<T>(asked: Promise<T>): Promise<T> {
    return this.#parts.exchange.ask(asked);
  }

  #placeOf(key: string): DataPlace | null {
    return this.#parts.holder.place(key, this.#definitionOf(key));
  }

  #definitionOf(key: string): DataDefinition {
    const { definitions } = this.#parts;
    if (Object.hasOwn(definitions, key)) return definitions[key]!;
    throw new SessionsError("configuration_invalid", "The option `data` of `createSignIns` has no such key.");
  }

  #versioned(key: string, stored: StoredDatum): VersionedValue {
    const value = this.#valueOf(key, stored);
    return { version: stored.version, ...(value !== undefined && { value }) };
  }

  #valueOf(key: string, { text, version }: StoredDatum): Json | undefined {
    return text === null ? undefined : this.#readable(key, text, `of version ${version}`);
  }

  /** A value that this version of the application cannot read is never overwritten. */
  #readable(key: string, text: string, which: string): Json {
    const checked = parseData(key, this.#definitionOf(key), JSON.parse(text));
    if (checked.ok) return checked.value;
    throw new SessionsError(
      "migration_failed",
      `The schema of \`data.${key}\` refuses the stored value ${which}. Let it accept the earlier form too.`,
    );
  }
}

function parsed(key: string, definition: DataDefinition, value: Json | undefined): Json | undefined {
  if (value === undefined) return undefined;
  const checked = parseData(key, definition, value);
  if (checked.ok) return checked.value;
  const { refusal } = checked;
  const how =
    refusal.code === "too_large"
      ? `has more than ${refusal.atMost} characters as JSON`
      : `was refused by its schema, with ${refusal.issues.length + (refusal.more ?? 0)} issues`;
  throw new SessionsError("output_invalid", `The new value of \`data.${key}\` ${how}. Nothing was changed.`);
}
