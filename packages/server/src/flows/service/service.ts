import type { AnyFlow, DraftOf, InputOf, ListRequest, Outcome, Proof, Refusal, StepsOf } from "@sessions/core/internal";

import type { ErasedOwner } from "../../erasure/erase-owner.ts";
import type { OwnerRecord } from "../owner-export.ts";
import type { ServiceSession } from "./service-session.ts";

/** Who acts for an owner. */
export interface ServiceOptions {
  /** The name of the service for people, such as "Payments job": up to 100 characters. Histories show it as the device. */
  readonly name: string;
  /**
   * The proof of the person for whom the service acts: when they gave it, and how strong it is. Without it, each step that
   * asks for a proof is refused as `sign_in_again`.
   */
  readonly proof?: Proof;
}

export interface CommandOptions {
  /**
   * Names the command, so that a job that runs again has its effect once: the repeat gets the first outcome. It is any text
   * of up to 200 characters, unique in its session, or a UUIDv7. Default: a new one each time.
   */
  readonly command?: string;
}

export interface ChangeOptions<Flow extends AnyFlow> extends CommandOptions {
  /**
   * The session as the service saw it when it decided. The change is refused as `conflict` if the step, or one that it
   * depends on, has changed since. Default: the newest session, so that there is no conflict.
   */
  readonly seen?: Pick<ServiceSession<Flow>, "submissions">;
}

/** The outcome of a command, and the session after it. `replayed`: it changed nothing, because it had done so before. */
export type ServiceOutcome<Flow extends AnyFlow = AnyFlow> =
  | (Extract<Outcome, { status: "accepted" }> & { readonly session: ServiceSession<Flow> })
  | {
      readonly status: "refused";
      readonly refusal: Refusal;
      /** Null if there is none, or if it was not read. */
      readonly session: ServiceSession<Flow> | null;
    };

/** Where a page of a list ended. */
export type ListCursor = NonNullable<ListRequest["after"]>;

export interface ServicePage<Flow extends AnyFlow = AnyFlow> {
  /** The newest ids come first. */
  readonly active: readonly ServiceSession<Flow>[];
  /** Those that ended last come first, after all active ones. */
  readonly ended: readonly ServiceSession<Flow>[];
  /** Pass it as `after` for the next page; null when this is the last one. */
  readonly next: ListCursor | null;
}

/**
 * A service or a job that acts for one owner, without a browser. Its commands pass the same rules, limits and handlers as
 * those of the owner's browsers. They are in the same history, have receipts, and reach the same streams. A busy server is
 * asked again for ten seconds.
 *
 * Every method throws a {@link SessionsError}: `closed`, `visitor_adopted`, `configuration_invalid` for a flow that is not
 * served here, and `database_…` while Postgres does not answer. Then the outcome of a command is not known: send it again
 * with the same `command`.
 */
export interface Service {
  /** One session; null if the owner has none of that id and flow. @throws {SessionsError} `overloaded` */
  read<Flow extends AnyFlow>(flow: Flow, session: string): Promise<ServiceSession<Flow> | null>;
  /** One page of the owner's sessions of a flow. `limit`: up to 100, the default. @throws {SessionsError} `overloaded` */
  list<Flow extends AnyFlow>(
    flow: Flow,
    page?: { readonly after?: ListCursor | null; readonly limit?: number },
  ): Promise<ServicePage<Flow>>;
  /**
   * Starts a session. `session` is its id, a UUIDv7: a repeat with the same id starts no second one, and gets the first
   * outcome. Default: a new id.
   */
  start<Flow extends AnyFlow>(flow: Flow, options?: { readonly session?: string }): Promise<ServiceOutcome<Flow>>;
  /** Submits a step. The last one completes the session. */
  submit<Flow extends AnyFlow, StepName extends StepsOf<Flow>>(
    flow: Flow,
    session: string,
    step: StepName,
    input: InputOf<Flow, StepName>,
    options?: ChangeOptions<Flow>,
  ): Promise<ServiceOutcome<Flow>>;
  /**
   * Fills in fields of a step without submitting it: the owner's devices show them. A field with the value `undefined` is
   * emptied. A repeat changes nothing, because the step shows the fields already.
   */
  draft<Flow extends AnyFlow, StepName extends StepsOf<Flow>>(
    flow: Flow,
    session: string,
    step: StepName,
    fields: DraftOf<Flow, StepName>,
    options?: Pick<ChangeOptions<Flow>, "seen">,
  ): Promise<ServiceOutcome<Flow>>;
  /** Ends a session without completing it. */
  cancel<Flow extends AnyFlow>(flow: Flow, session: string, options?: CommandOptions): Promise<ServiceOutcome<Flow>>;
  /** The outcome of an accepted command of this name in a session, also years later; null if there is none. */
  receipt(session: string, command: string): Promise<Outcome | null>;
  /**
   * Everything that the schema keeps of the owner, record by record: sessions and their histories, sign-ins, values, events.
   * Null stands for the input of a sensitive step.
   *
   * @example
   * for await (const record of service.export()) file.write(`${JSON.stringify(record)}\n`);
   */
  export(): AsyncIterable<OwnerRecord>;
  /**
   * Erases the owner: sessions, histories, drafts, sign-ins, values and events. Streams and sign-ins end on every node. The
   * owner's data key is destroyed. Ended sessions still count for limits, as numbers. If it is interrupted, call it again: it
   * goes on. `onProgress` is called with the number of rows so far.
   */
  erase(options?: { readonly onProgress?: (rows: number) => void }): Promise<ErasedOwner>;
}
