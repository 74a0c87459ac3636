import { z } from "zod";
import { SessionsError } from "./error.ts";
import { stepOf, type AnyFlow } from "./flow/flow.ts";
import { sameJson, type Json } from "./json.ts";
import { stepMappingFor } from "./session/lift.ts";

/** The shape of the data of a flow's version: JSON schemas (draft 2020-12) of each step, and the steps that it depends on. */
export interface FlowShape {
  readonly steps: { readonly [step: string]: StepShape };
  readonly result: Json;
}

interface StepShape {
  readonly input: Json;
  readonly output: Json;
  readonly dependsOn: readonly string[];
  readonly confirm: boolean;
  readonly sensitive?: true;
}

/** The shapes of a flow's released versions, by their numbers: keep them in a file beside the flow. */
export type RecordedShapes = { readonly [version: string]: FlowShape };

/** The shape of a flow's current version, to be recorded. It leaves out refinements and transforms. */
export function shapeOf(flow: AnyFlow): FlowShape {
  const steps = flow.stepNames.map((name): [string, StepShape] => {
    const { input, output, dependsOn, confirm, sensitive } = stepOf(flow, name)!;
    const schemas = { input: schemaOf(input, "input"), output: schemaOf(output, "output") };
    return [name, { ...schemas, dependsOn: [...dependsOn], confirm, ...(sensitive && { sensitive }) }];
  });
  return { steps: Object.fromEntries(steps), result: schemaOf(flow.result, "output") };
}

/**
 * Compares a flow with the recorded shapes of its versions. Call it in a test: it finds, before you deploy, a change that
 * sessions begun at an earlier version cannot follow.
 *
 * @returns The problem and the code to write, or null.
 * @example
 * import recorded from "./flow-shapes.json" with { type: "json" };
 * test("the flow fits what was released of it", () => expect(checkShape(transfer, recorded.transfer)).toBeNull());
 */
export function checkShape(flow: AnyFlow, recorded: RecordedShapes): string | null {
  const { name, version } = flow;
  const shape = shapeOf(flow);
  const toRecord = `"${version}": ${JSON.stringify(shape)}`;
  const versions = Object.keys(recorded).map(Number);
  const newest = Math.max(0, ...versions);
  if (newest > version) return `Flow ${name} is at version ${version}, and version ${newest} is recorded: raise it.`;

  const same = recorded[version];
  // Shapes are plain JSON. Only their interfaces have no index signature.
  if (same !== undefined && !sameJson(same as unknown as Json, shape as unknown as Json)) {
    const needed = Object.keys(same.steps).flatMap((step) => missing(shape, step, same.steps[step]!, step, {}) ?? []);
    return [
      `Flow ${name} is no longer what was recorded as its version ${version}.`,
      `Raise its version to ${version + 1}, and say what becomes of what people have begun:`,
      migration(version, needed),
      `If version ${version} was never released, record it again instead:\n${toRecord}`,
    ].join("\n");
  }

  for (const earlier of versions.filter((each) => each < version).sort((left, right) => left - right)) {
    const problem = unlifted(flow, shape, earlier, recorded[earlier]!);
    if (problem !== null) return problem;
  }
  return same === undefined ? `Record version ${version} of flow ${name} beside the others:\n${toRecord}` : null;
}

/** A message about the parts of a recorded version that the migrations do not lift; null if they lift all. */
function unlifted(flow: AnyFlow, shape: FlowShape, version: number, recorded: FlowShape): string | null {
  const needed: string[] = [];
  try {
    for (const [step, before] of Object.entries(recorded.steps)) {
      const mapping = stepMappingFor(flow, version, step);
      if (mapping === null) continue;
      needed.push(...(missing(shape, step, before, mapping.step, mapping) ?? []));
    }
  } catch (error) {
    if (!(error instanceof SessionsError)) throw error;
    return [
      `Flow ${flow.name} has no migrations from version ${version} to ${flow.version}. Write one for each version between:`,
      migration(version, []),
      `If no session of version ${version} is left, delete it from the record.`,
    ].join("\n");
  }
  if (needed.length === 0) return null;
  return [
    `Flow ${flow.name} leaves behind what people have begun at version ${version}. Say what becomes of it, there or in a later version's migration:`,
    migration(version, needed),
  ].join("\n");
}

/** The code that a migration lacks for a step; null if it lacks nothing. */
function missing(
  shape: FlowShape,
  from: string,
  before: StepShape,
  to: string,
  mapping: { readonly again?: boolean; readonly rewritten?: boolean },
): string[] | null {
  const after = shape.steps[to];
  if (after === undefined) return [`${from}: null, // or { to: "…" }: no step is called ${to}`];
  const changed = !sameJson(before.input, after.input);
  const fields = changed && mapping.rewritten !== true && !(mapping.again === true && fits(before.input, after.input));
  const again = !sameJson(before.output, after.output) && after.output !== null && mapping.again !== true;
  if (!fields && !again) return null;
  const names = propertiesOf(after.input).map((name) => `${name}: old.${name}`);
  const rewrite = `(old) => ({ ${names.join(", ")} })`;
  const parts = [
    ...(from === to ? [] : [`to: "${to}"`]),
    ...(fields ? [`fields: ${rewrite}`] : []),
    ...(again ? ["again: true"] : []),
  ];
  const alone = parts.length === 1 && fields;
  return [`${from}: ${alone ? rewrite : `{ ${parts.join(", ")} }`},`];
}

/** Whether the step still has each of its earlier fields. */
function fits(before: Json, after: Json): boolean {
  const names = propertiesOf(after);
  return propertiesOf(before).every((name) => names.includes(name));
}

function propertiesOf(schema: Json): readonly string[] {
  const properties = schema !== null && typeof schema === "object" && "properties" in schema ? schema.properties : {};
  return Object.keys(properties as object);
}

function migration(version: number, lines: readonly string[]): string {
  const body = lines.map((line) => `    ${line}\n`).join("");
  return `migrate: {\n  ${version}: {${body === "" ? "" : `\n${body}  `}},\n},`;
}

function schemaOf(schema: z.ZodType | undefined, io: "input" | "output"): Json {
  if (schema === undefined) return null;
  const { $schema: _, ...shape } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  // The record is JSON text. This drops values that JSON text cannot hold.
  return JSON.parse(JSON.stringify(shape)) as Json;
}
