import compatData, { type CompatStatement, type Identifier } from "@mdn/browser-compat-data" with { type: "json" };
import { parseAst } from "vite";
import { oldestBrowsers, type Browser } from "./oldest-versions.ts";

/** The interfaces whose members are found by name. Members of other interfaces are words that a program may use itself. */
const looked =
  /^(Abort\w+|BroadcastChannel|Crypto|Document|DOMException|Element|Event(Source|Target)?|Headers|HTML\w+|IDB\w+|Location|Lock\w*|MessageEvent|Navigator|Node|Performance|ReadableStream|Request|Response|ShadowRoot|StorageManager|URL\w*|Window)$/;

/** By a member's name: every feature that has this name. */
const byMember = new Map<string, { readonly owner: string; readonly compat: CompatStatement }[]>();
/** By `Owner.name`, or by a global's name: the one feature. */
const byPath = new Map<string, CompatStatement>();

for (const group of [compatData.javascript.builtins!, compatData.api]) {
  for (const [owner, identifier] of Object.entries(group as Record<string, Identifier>)) {
    note(owner, "", identifier.__compat);
    for (const [key, member] of Object.entries(identifier)) {
      if (key !== "__compat") note(key.replace(/_static$/, ""), owner, (member as Identifier).__compat);
    }
  }
}

function note(name: string, owner: string, compat: CompatStatement | undefined): void {
  if (compat === undefined) return;
  byPath.set(owner === "" ? name : `${owner}.${name}`, compat);
  byMember.set(name, [...(byMember.get(name) ?? []), { owner, compat }]);
}

/**
 * The features in a program that one of the oldest browsers lacks: globals, members of a global (`.canParse` of
 * `URL.canParse`), and other members (`.isWellFormed`). It leaves out a member's name if the program itself, or a feature
 * of all those browsers, has a member of that name. (In the packages' own code, the compiler finds those too.)
 */
export function newerFeatures(code: string): readonly string[] {
  const { paths, members, own } = namesIn(code);
  const late = new Set<string>();
  for (const path of paths) {
    const compat = byPath.get(path);
    if (compat && lacking(compat).length > 0) late.add(path.replace(/^.*(?=\.)/, ""));
  }
  for (const member of members) {
    if (own.has(member)) continue;
    const known = byMember.get(member) ?? [];
    const isBuiltin = known.some(({ owner }) => looked.test(owner) || owner in compatData.javascript.builtins!);
    if (isBuiltin && known.every(({ compat }) => lacking(compat).length > 0)) late.add(`.${member}`);
  }
  return [...late].toSorted();
}

function lacking({ support }: CompatStatement): readonly Browser[] {
  return (Object.keys(oldestBrowsers) as Browser[]).filter((browser) => {
    const statements = [support[browser] ?? []].flat();
    return !statements.some(
      ({ version_added: added, version_removed: removed, flags, prefix, alternative_name: alias }) =>
        !flags && !prefix && !alias && !removed && isNumber(added) && numberOf(added) <= oldestBrowsers[browser],
    );
  });
}

const isNumber = (version: unknown): version is string => typeof version === "string" && version !== "preview";
const numberOf = (version: string) => Number.parseFloat(version.replace("≤", ""));

interface Names {
  readonly paths: Set<string>;
  readonly members: Set<string>;
  /** The names of properties and methods that the program itself defines. */
  readonly own: Set<string>;
}

function namesIn(code: string): Names {
  const names: Names = { paths: new Set(), members: new Set(), own: new Set() };
  visit(parseAst(code), names);
  return names;
}

/** Any node of a syntax tree, with the properties that this file reads. */
interface Syntax {
  readonly type?: string;
  readonly name?: string;
  readonly computed?: boolean;
  readonly object?: Syntax;
  readonly property?: Syntax;
  readonly key?: Syntax;
}

const definitions = new Set(["Property", "MethodDefinition", "PropertyDefinition"]);

function visit(node: unknown, names: Names): void {
  if (typeof node !== "object" || node === null) return;
  const { type, name, computed, object, property, key } = node as Syntax;
  if (type === "Identifier" && name) names.paths.add(name);
  if (type === "MemberExpression" && !computed && property?.name) {
    names.members.add(property.name);
    const owner = object?.property?.name ?? object?.name;
    if (owner) names.paths.add(`${owner}.${property.name}`);
  }
  if (definitions.has(type ?? "") && !computed && key?.name) names.own.add(key.name);
  for (const child of Object.values(node)) visit(child, names);
}
