import {
  SessionsError,
  type AnyFlow,
  type Data,
  type Device,
  type Json,
  type Outputs,
  type ResultOf,
  type Status,
  type StepsOf,
} from "@sessions/core/internal";
import type { FeedSource } from "../projections/source.ts";
import type { OwnerCipher } from "../secrets/owner-cipher.ts";
import { generationOf } from "../secrets/sealed.ts";
import {
  entryText,
  openEntry,
  parseEntry,
  type HistoryBody,
  type HistoryContent,
  type UnopenedEntry,
} from "./rows/history/history-entry.ts";

interface EntryCommon<Flow extends AnyFlow> {
  readonly owner: string;
  readonly session: string;
  readonly flow: Flow["name"];
  /** The version of the flow that the session has after this entry. */
  readonly version: number;
  /** 1, 2, 3, …: its place in the session's history. */
  readonly number: number;
  readonly revision: number;
  /** When it happened, as ISO 8601 in UTC. */
  readonly at: string;
  readonly device: Device;
  /** The step at which the session stands after this entry. Null if it has ended, and for an adoption. */
  readonly current: StepsOf<Flow> | null;
  /** The session's status after this entry. */
  readonly status: Status;
}

/**
 * An entry of a session's history, as a projection gets it. `step` tells the types of `data` and `output` apart. Of a
 * sensitive step both are null, unless the projection may read what is secret: then there is `hidden` too.
 */
export type SessionEntry<Flow extends AnyFlow, Secret extends boolean = false> = EntryCommon<Flow> &
  (
    | { readonly type: "started" }
    | {
        [StepName in StepsOf<Flow>]: {
          readonly type: "submitted";
          readonly step: StepName;
          /** As the step's schema parsed it, at the version of this entry. */
          readonly data: Unless<Flow, StepName, Secret, NonNullable<Data<Flow>[StepName]>>;
          /** The output of the step's handler. */
          readonly output: Unless<
            Flow,
            StepName,
            Secret,
            StepName extends keyof Outputs<Flow> ? Outputs<Flow>[StepName] : null
          >;
          /** When the first draft of the step came to the server, since the session came to the step. Null if none came. */
          readonly draftedAt: string | null;
          /** What the step's handler hid. */
          readonly hidden: Secret extends true ? Json : null;
          /** The result of `complete`, if this submission completed the session. */
          readonly result: ResultOf<Flow> | null;
        };
      }[StepsOf<Flow>]
    | { readonly type: "ended" }
    /** The session was lifted to a later version of its flow. */
    | { readonly type: "lifted" }
    /** The visitor `from` began the session, and its owner has adopted it. */
    | { readonly type: "adopted"; readonly from: string }
  );

/** A value of a step: null if the step is sensitive, and the projection may not read what is secret. */
type Unless<Flow extends AnyFlow, StepName extends StepsOf<Flow>, Secret, Value> = Secret extends true
  ? Value
  : Flow["steps"][StepName]["sensitive"] extends true
    ? null
    : Value;

/** The entries of one of several flows. */
type EntryOf<Flow extends AnyFlow, Secret extends boolean> = Flow extends AnyFlow ? SessionEntry<Flow, Secret> : never;

/** Opens what is sealed, for a projection: `sessions.opener`. */
export interface Opener {
  /** The cipher of an owner, which opens values of this generation of the owner's keys. */
  cipherOf(owner: string, generation?: number): OwnerCipher | Promise<OwnerCipher>;
}

export interface SessionHistoryOptions<Secret extends boolean> {
  /** `sessions.opener`. A projection needs it for what is sealed: everything with `encrypt: "all"`, and what is secret. */
  readonly opener?: Opener;
  /** Whether the projection may read what is secret: the data of sensitive steps, and what handlers hid. Default false. */
  readonly secret?: Secret;
}

/**
 * The history of the sessions of these flows, as the source of a projection.
 *
 * @throws {SessionsError} `configuration_invalid` for `secret` without `opener`.
 * @example
 * project(sessionHistory([transfer]), { name: "transfers", handle: async (entry, { tx }) => … })
 */
export function sessionHistory<const Flow extends AnyFlow, const Secret extends boolean = false>(
  flows: readonly Flow[],
  { opener, secret: isSecret }: SessionHistoryOptions<Secret> = {},
): FeedSource<EntryOf<Flow, Secret>> {
  if (isSecret && opener === undefined) {
    throw new SessionsError("configuration_invalid", "`secret` needs `opener`: give `sessions.opener`.");
  }
  const names = new Set(flows.map(({ name }) => name));
  return {
    name: "sessions",
    table: "session_event",
    stream: "session_id",
    number: "entry",
    at: "at",
    key: { owner_id: "text", session_id: "uuid", entry: "integer", at: "timestamptz" },
    body: entryText,
    isLast: ({ body }) => parseEntry(body).body.status !== "active",
    async read({ owner, body: text }) {
      const entry = parseEntry(text);
      const { body } = entry;
      if (!names.has(body.flow)) return null;
      const isWithheld = body.sensitive && !isSecret;
      // Without need, nothing is opened.
      const needsOpening = isSecret || (!isWithheld && body.change.kind === "submit" && entry.clear.data === undefined);
      const isOpened = entry.sealed !== null && needsOpening;
      const content = isOpened ? openEntry(await cipherFor(opener, entry, owner), entry) : entry.clear;
      const withheld = { ...(isWithheld && { data: null, output: null }), ...(!isSecret && { hidden: null }) };
      // The flow has this name, so its own schemas have parsed the data.
      return entryOf(owner, body, { ...content, ...withheld }) as unknown as EntryOf<Flow, Secret>;
    },
  };
}

function cipherFor(opener: Opener | undefined, { body, sealed }: UnopenedEntry, owner: string) {
  if (opener !== undefined) return opener.cipherOf(owner, sealed === null ? undefined : generationOf(sealed));
  const what = `Entry ${body.entry} of session ${body.session} is sealed.`;
  throw new SessionsError("keys_missing", `${what} Give \`sessions.opener\` to \`sessionHistory\`.`);
}

function entryOf(owner: string, body: HistoryBody, content: HistoryContent) {
  const { session, flow, version, entry: number, revision, at, current, status, change, drafted } = body;
  const { device: name = "", data = null, output = null, hidden = null, result = null } = content;
  const device = { id: body.device, name };
  const common = { owner, session, flow, version, number, revision, at, device, current, status };
  switch (change.kind) {
    case "start":
      return { ...common, type: "started" as const };
    case "submit":
      return {
        ...common,
        type: "submitted" as const,
        step: change.step,
        draftedAt: drafted ?? null,
        data,
        output,
        hidden,
        result,
      };
    case "end":
      return { ...common, type: "ended" as const };
    case "lift":
      return { ...common, type: "lifted" as const };
    case "adopt":
      return { ...common, type: "adopted" as const, from: change.from };
  }
}
