import {
  fieldValues,
  liftSession,
  mapFields,
  progressOf,
  redact,
  SessionsError,
  type AnyFlow,
  type DraftOf,
  type Outputs,
  type Progress,
  type ResultOf,
  type Snapshot,
  type StepsOf,
  type VisibleData,
} from "@sessions/core/internal";

/** A session as a service sees it: as its owner's devices see it. Times are ISO 8601 in UTC. */
export interface ServiceSession<Flow extends AnyFlow = AnyFlow> extends Pick<
  Snapshot,
  "id" | "revision" | "status" | "submissions" | "device" | "startedAt" | "updatedAt" | "expiresAt" | "endedAt"
> {
  readonly flow: Flow["name"];
  /**
   * The flow's version. It is another one if the session cannot be lifted to the flow's version. Then `data`, `outputs` and
   * `drafts` are empty.
   */
  readonly version: number;
  /** The submitted data, by step. Null for a sensitive step. */
  readonly data: VisibleData<Flow>;
  /** The values that the server computed, by step. */
  readonly outputs: Outputs<Flow>;
  /** The input that was typed and not submitted, by step and field. */
  readonly drafts: { readonly [StepName in StepsOf<Flow>]?: DraftOf<Flow, StepName> };
  readonly progress: Progress<StepsOf<Flow>>;
  /** The result of `complete`; null if the session is not completed. */
  readonly result: ResultOf<Flow> | null;
}

/** @throws {SessionsError} `path_invalid` if the flow's path function misbehaves. */
export function serviceSessionOf<Flow extends AnyFlow>(flow: Flow, snapshot: Snapshot): ServiceSession<Flow> {
  const { inputs: _inputs, ...seen } = liftedOrEmpty(flow, redact(flow, snapshot));
  const session = {
    ...seen,
    drafts: mapFields(seen.drafts, fieldValues),
    progress: progressOf(flow, seen.data),
  };
  // The flow's own schemas made the values.
  return session as unknown as ServiceSession<Flow>;
}

/** A session in the flow's version. If it cannot be lifted, it keeps its version, and has no values. */
export function liftedOrEmpty(flow: AnyFlow, snapshot: Snapshot): Snapshot {
  const unreadable = { ...snapshot, data: {}, inputs: {}, outputs: {}, drafts: {}, result: null };
  if (snapshot.version > flow.version) return unreadable;
  try {
    return liftSession(flow, snapshot);
  } catch (error) {
    if (error instanceof SessionsError && error.code === "migration_failed") return unreadable;
    throw error;
  }
}
