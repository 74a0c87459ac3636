import type { AnyFlow, Data, Device, Json, Outputs, ResultOf, Status, StepsOf } from "@sessions/core/internal";
import type { FeedSource } from "../projections/source.ts";
import type { HistoryBody } from "./rows/stored-session.ts";

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

/** An entry of a session's history, as a projection gets it. `step` tells the types of `data` and `output` apart. */
export type SessionEntry<Flow extends AnyFlow> = EntryCommon<Flow> &
  (
    | { readonly type: "started" }
    | {
        [StepName in StepsOf<Flow>]: {
          readonly type: "submitted";
          readonly step: StepName;
          /** As the step's schema parsed it, at the version of this entry. */
          readonly data: NonNullable<Data<Flow>[StepName]>;
          /** The output of the step's handler. */
          readonly output: StepName extends keyof Outputs<Flow> ? Outputs<Flow>[StepName] : null;
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

/** The entries of one of several flows. */
type EntryOf<Flow extends AnyFlow> = Flow extends AnyFlow ? SessionEntry<Flow> : never;

/**
 * The history of the sessions of these flows, as the source of a projection.
 *
 * @example
 * project(sessionHistory([transfer]), { name: "transfers", handle: async (entry, { tx }) => … })
 */
export function sessionHistory<const Flow extends AnyFlow>(flows: readonly Flow[]): FeedSource<EntryOf<Flow>> {
  const names = new Set(flows.map(({ name }) => name));
  return {
    name: "sessions",
    table: "session_event",
    stream: "session_id",
    number: "entry",
    at: "at",
    key: { owner_id: "text", session_id: "uuid", entry: "integer", at: "timestamptz" },
    body: "event.body::text",
    // Written by this package, as HistoryBody.
    isLast: ({ body }) => (JSON.parse(body) as HistoryBody).status !== "active",
    read({ owner, body: text }) {
      // Written by this package, as HistoryBody.
      const body = JSON.parse(text) as HistoryBody;
      // The flow has this name, so its own schemas have parsed the data.
      return names.has(body.flow) ? (entryOf(owner, body) as unknown as EntryOf<Flow>) : null;
    },
  };
}

function entryOf(owner: string, body: HistoryBody) {
  const { session, flow, version, entry: number, revision, at, device, current, status, change, output, result } = body;
  const common = { owner, session, flow, version, number, revision, at, device, current, status };
  switch (change.kind) {
    case "start":
      return { ...common, type: "started" as const };
    case "submit": {
      const data: Json = change.data;
      return { ...common, type: "submitted" as const, step: change.step, data, output, result };
    }
    case "end":
      return { ...common, type: "ended" as const };
    case "lift":
      return { ...common, type: "lifted" as const };
    case "adopt":
      return { ...common, type: "adopted" as const, from: change.from };
  }
}
