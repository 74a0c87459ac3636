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
import type { DataPlace, SignInKeeper, StoredDatum } from "../../keeper/sign-in-keeper.ts";
import type { VisitData } from "./visit-data.ts";
import type { CurrentSignIn } from "../exchange/current-sign-in.ts";
import type { Exchange } from "../exchange/exchange.ts";
import { VisitError } from "../exchange/visit-error.ts";

/** How often a change begins again because another one came first. Each time somebody's change was made. */
const MAX_ATTEMPTS = 50;

export interface KeptDataParts {
  readonly definitions: DataDefinitions;
  readonly keeper: Pick<SignInKeeper, "readData" | "changeData">;
  readonly current: CurrentSignIn;
  readonly exchange: Pick<Exchange, "requireMethod" | "ask">;
}

/** A value and its version, for a page. Without `value` there is none. */
export interface VersionedValue {
  readonly version: number;
  readonly value?: Json;
}

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
    this.#definitionOf(key);
    if (this.#parts.current.own === null) return undefined;
    return (await this.read(key)).value;
  }

  async change(key: string, next: (before: Json | undefined) => Json | undefined): Promise<Json | undefined> {
    const definition = this.#definitionOf(key);
    const place = this.#placeToChange(key);
    let stored = await this.#load(place);
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt += 1) {
      const before = this.#valueOf(key, stored);
      const after = parsed(key, definition, next(structuredClone(before)));
      if (sameJson(before, after)) return after;
      const text = after === undefined ? null : JSON.stringify(after);
      const change = { base: stored.version, text, change: randomUUID() };
      const result = await this.#parts.exchange.ask(this.#parts.keeper.changeData(place, change));
      if (result.kind === "signed_out") throw new VisitError("signed_out");
      if (result.kind === "changed") return after;
      ({ stored } = result);
    }
    throw new VisitError("unavailable");
  }

  /** The value of a key, with its version. */
  async read(key: string): Promise<VersionedValue> {
    this.#definitionOf(key);
    return this.#versioned(key, await this.#load(this.#placeOf(key)));
  }

  /** Changes a value for a page, which has seen the version `base`. The page makes the id of the change. */
  async set(
    key: string,
    { base, change, value }: { readonly base: number; readonly change: string; readonly value?: unknown },
  ): Promise<SetResult> {
    const definition = this.#definitionOf(key);
    const place = this.#placeToChange(key);
    const checked = value === undefined ? undefined : parseData(key, definition, value, boundedCheck);
    if (checked?.ok === false) return { status: "refused", refusal: checked.refusal };
    const text = checked === undefined ? null : JSON.stringify(checked.value);
    const result = await this.#parts.exchange.ask(this.#parts.keeper.changeData(place, { base, text, change }));
    if (result.kind === "signed_out") throw new VisitError("signed_out");
    if (result.kind === "changed") return { status: "changed", version: result.version };
    return { status: "conflict", ...this.#versioned(key, result.stored) };
  }

  /** Whether a page may see and change a key. */
  isForPages(key: string): boolean {
    const { definitions } = this.#parts;
    return Object.hasOwn(definitions, key) && definitions[key]!.serverOnly !== true;
  }

  #load(place: DataPlace): Promise<StoredDatum> {
    return this.#parts.exchange.ask(this.#parts.keeper.readData(place));
  }

  #placeToChange(key: string): DataPlace {
    const place = this.#placeOf(key);
    this.#parts.exchange.requireMethod();
    return place;
  }

  #placeOf(key: string): DataPlace {
    const signIn = this.#parts.current.requireOwn();
    const { per } = this.#definitionOf(key);
    return { owner: signIn.owner, signIn: per === "owner" ? null : signIn.publicId, key };
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

  /** A value that this version of the application cannot read is never overwritten. */
  #valueOf(key: string, { text, version }: StoredDatum): Json | undefined {
    if (text === null) return undefined;
    const checked = parseData(key, this.#definitionOf(key), JSON.parse(text));
    if (checked.ok) return checked.value;
    throw new SessionsError(
      "migration_failed",
      `The schema of \`data.${key}\` refuses version ${version} of the stored value. Let it accept the earlier form too.`,
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
