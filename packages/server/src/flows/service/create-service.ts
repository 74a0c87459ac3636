import {
  deviceSchema,
  idSchema,
  listRequestSchema,
  PROTOCOL_VERSION,
  seenBy,
  SessionsError,
  toStorableJson,
  assuranceLevels,
  type AnyFlow,
  type Command,
  type Device,
  type Json,
  type Snapshot,
} from "@sessions/core/internal";
import { uuidV7Of } from "../../uuid-v7.ts";
import { eraseOwner, type ErasureContext } from "../../erasure/erase-owner.ts";
import { exportOwner, type OwnerExportOptions } from "../owner-export.ts";
import type { CommandProcessor } from "../commands/command-processor.ts";
import { isOwner, type Identity } from "../configuration/identity.ts";
import type { ServedFlow } from "../configuration/served-flow.ts";
import type { LimitedReads } from "../reads/limited-reads.ts";
import type { Reader } from "../reads/reader.ts";
import { ServiceCalls, type ServiceCallsOptions } from "./service-calls.ts";
import { commandIdOf, serviceDeviceOf } from "./service-id.ts";
import { liftedOrEmpty, serviceSessionOf } from "./service-session.ts";
import { typedFields } from "./typed-fields.ts";
import type { ChangeOptions, Service, ServiceOptions, ServiceOutcome } from "./service.ts";

export interface ServiceParts extends ServiceCallsOptions {
  readonly commands: CommandProcessor;
  readonly reader: Reader;
  readonly reads: LimitedReads;
  readonly flows: ReadonlyMap<string, ServedFlow>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly exported: OwnerExportOptions;
  readonly erasure: Omit<ErasureContext, "onProgress">;
  /** Drops all that this node has in memory of an owner. */
  readonly dropOwner: (owner: string) => void;
}

/** The longest name of a command. */
const MAX_COMMAND_NAME = 200;

/** The version of every command of a service. The server puts that of the flow in its place. So the same command has the same body after a deploy, and its receipt is found. */
const ANY_VERSION = 1;

/** @throws {SessionsError} `configuration_invalid` for an owner, a name or a proof that cannot be one. */
export function createService(parts: ServiceParts, owner: string, options: ServiceOptions): Service {
  const { commands, reader, reads, flows, now } = parts;
  const identity = identityOf(owner, options);
  const device = deviceOf(options);
  const calls = new ServiceCalls(parts);

  const read = <T>(work: () => Promise<T>, snapshotsOf: (found: T) => readonly Snapshot[]) =>
    calls.read(owner, () => reads.read(owner, {}, work, snapshotsOf));

  async function readSnapshot(flow: AnyFlow, session: string): Promise<Snapshot | null> {
    if (!idSchema.safeParse(session).success) return null;
    const found = await read(
      () => reader.read(owner, session),
      (snapshot) => (snapshot === null ? [] : [snapshot]),
    );
    return found?.flow === flow.name ? found : null;
  }

  async function push<Flow extends AnyFlow>(
    flow: Flow,
    command: Command,
    { seen }: ChangeOptions<Flow> = {},
  ): Promise<ServiceOutcome<Flow>> {
    const step = "step" in command ? command.step : "";
    // The rules use no other part of a session to tell what somebody saw.
    const sender = { ...identity, service: { flow: flow.name, seen: seen && seenBy(flow, seen as Snapshot, step) } };
    const request = { protocol: PROTOCOL_VERSION, device, commands: [command] };
    const { outcomes, snapshots } = await calls.push(owner, () => commands.push(sender, request, {}));
    const [outcome] = outcomes;
    const snapshot = snapshots.find((each) => each.flow === flow.name);
    const session = snapshot ? serviceSessionOf(flow, snapshot) : null;
    if (outcome!.status === "refused") return { ...outcome!, session };
    // It was there when the command took effect.
    if (session === null) return { status: "refused", refusal: { code: "not_found" }, session };
    return { ...outcome!, session };
  }

  const commandOf = (session: string, { command }: { readonly command?: string | undefined } = {}) => ({
    id: command === undefined ? uuidV7Of(now()) : commandIdOf(session, checkedName(command)),
    session,
    version: ANY_VERSION,
  });

  return {
    async read(flow, session) {
      requireServed(flows, flow);
      const snapshot = await readSnapshot(flow, session);
      return snapshot && serviceSessionOf(flow, snapshot);
    },

    async list(flow, { after = null, limit = 100 } = {}) {
      requireServed(flows, flow);
      const request = listRequestSchema.safeParse({ flow: flow.name, after, limit });
      if (!request.success) throw invalid("list() takes `after` of the page before, and a `limit` from 1 to 100.");
      const { active, ended, next } = await read(
        () => reader.list(owner, request.data),
        (page) => [...page.active, ...page.ended],
      );
      const sessionOf = (snapshot: Snapshot) => serviceSessionOf(flow, snapshot);
      return { active: active.map(sessionOf), ended: ended.map(sessionOf), next };
    },

    async start(flow, { session = uuidV7Of(now()) } = {}) {
      requireServed(flows, flow);
      return push(flow, { kind: "start", ...commandOf(session, { command: "start" }), flow: flow.name });
    },

    async submit(flow, session, step, input, changeOptions = {}) {
      requireServed(flows, flow);
      // A copy: the caller may change its object later. The rules refuse input that is not JSON.
      const plain = toStorableJson(input);
      const value = plain.ok ? plain.value : (input as Json);
      const command = { kind: "submit", ...commandOf(session, changeOptions), step, input: value, seen: {} } as const;
      return push(flow, command, changeOptions);
    },

    async draft(flow, session, step, fields, changeOptions = {}) {
      requireServed(flows, flow);
      const given = { ...(fields as Readonly<Record<string, Json | undefined>>) };
      const snapshot = await readSnapshot(flow, session);
      const typed = typedFields(snapshot && liftedOrEmpty(flow, snapshot), step, given, device.id, now());
      return push(flow, { kind: "draft", ...commandOf(session), step, fields: typed }, changeOptions);
    },

    async cancel(flow, session, commandOptions) {
      requireServed(flows, flow);
      return push(flow, { kind: "cancel", ...commandOf(session, commandOptions) });
    },

    async receipt(session, command) {
      const id = commandIdOf(session, checkedName(command));
      if (!idSchema.safeParse(session).success) return null;
      return read(
        () => reader.receipt(owner, session, id),
        () => [],
      );
    },

    async *export() {
      const records = exportOwner(parts.exported, owner);
      for (;;) {
        const { done, value } = await calls.run(owner, () => records.next());
        if (done) return;
        yield value;
      }
    },

    erase: ({ onProgress } = {}) =>
      calls.run(owner, async () => {
        const erased = await eraseOwner({ ...parts.erasure, onProgress }, owner);
        parts.dropOwner(owner);
        return erased;
      }),
  };
}

function identityOf(owner: string, { proof }: ServiceOptions): Identity {
  if (!isOwner(owner)) throw invalid("as() takes an owner, a text of 1 to 200 characters.");
  const { provedAt = null, level } = proof ?? {};
  if (provedAt !== null && !Number.isFinite(provedAt)) throw invalid("`proof.provedAt` is in milliseconds since 1970.");
  if (level !== undefined && !assuranceLevels.includes(level)) {
    throw invalid("`proof.level` is one of aal1, aal2 and aal3.");
  }
  return { owner, provedAt, level };
}

function deviceOf({ name }: ServiceOptions): Device {
  const device = typeof name === "string" && name !== "" && deviceSchema.safeParse(serviceDeviceOf(name));
  if (!device || !device.success) throw invalid("as() takes a `name` of the service, of 1 to 100 characters.");
  return device.data;
}

/** A command of a flow that this node does not serve, or serves in another version, would be judged by other rules than its types say. */
function requireServed(flows: ReadonlyMap<string, ServedFlow>, flow: AnyFlow): void {
  const served = flows.get(flow.name)?.flow;
  if (served?.version === flow.version) return;
  throw invalid(`Flow ${flow.name} in version ${flow.version} is not among the \`flows\` of createSessions.`);
}

function checkedName(command: string): string {
  if (typeof command === "string" && command !== "" && command.length <= MAX_COMMAND_NAME) return command;
  throw invalid(`\`command\` is a text of 1 to ${MAX_COMMAND_NAME} characters.`);
}

const invalid = (detail: string) => new SessionsError("configuration_invalid", detail);
