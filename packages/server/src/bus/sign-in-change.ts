import type { Json } from "@sessions/core/internal";

/** What nodes tell each other about sign-ins. No notice holds more of a sign-in than its owner and its public id. */
export type SignInChange =
  /** States of the sign-in before this revision are wrong. */
  | { readonly kind: "changed"; readonly owner: string; readonly id: string; readonly revision: number }
  | { readonly kind: "ended"; readonly owner: string; readonly id: string }
  /** The sign-ins of everybody with an earlier epoch have ended. */
  | { readonly kind: "everybody"; readonly epoch: number };

/** The content of a notice. Sign-ins of several schemas may share a bus. */
export function contentOf(schema: string, change: SignInChange): Json {
  if (change.kind === "everybody") return [schema, change.kind, change.epoch];
  return change.kind === "ended"
    ? [schema, change.kind, change.owner, change.id]
    : [schema, change.kind, change.owner, change.id, change.revision];
}

/** The change in this schema that a notice tells of; undefined for another one, or one that this version does not know. */
export function changeFrom(schema: string, content: Json): SignInChange | undefined {
  if (!Array.isArray(content) || content[0] !== schema) return undefined;
  const [, kind, first, id, revision] = content as readonly unknown[];
  if (kind === "everybody" && typeof first === "number") return { kind, epoch: first };
  if (typeof first !== "string" || typeof id !== "string") return undefined;
  if (kind === "ended") return { kind, owner: first, id };
  return kind === "changed" && typeof revision === "number" ? { kind, owner: first, id, revision } : undefined;
}
