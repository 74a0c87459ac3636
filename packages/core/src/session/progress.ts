import type { AnyFlow } from "../flow/flow.ts";
import type { Snapshot } from "../protocol/snapshot.ts";

/** Where a person is in a flow. */
export interface Progress<Step extends string = string> {
  /** The steps that the session goes through, in order. */
  readonly path: readonly Step[];
  /** The first step on the path that is not submitted; null when all are. */
  readonly current: Step | null;
  /** The steps that may be submitted now: the current one, and those before it again. */
  readonly open: readonly Step[];
  /** Which step of how many the current one is, counted from 1; `total` when all are submitted. */
  readonly position: number;
  readonly total: number;
}

/** Where a session is on its path, computed from its submitted data. */
export function progressOf(flow: AnyFlow, data: Snapshot["data"]): Progress {
  const path: readonly string[] = flow.pathOf(data);
  const submitted = path.findIndex((step) => !Object.hasOwn(data, step));
  const at = submitted === -1 ? path.length - 1 : submitted;
  return {
    path,
    current: submitted === -1 ? null : path[at]!,
    open: submitted === -1 ? path : path.slice(0, at + 1),
    position: at + 1,
    total: path.length,
  };
}
