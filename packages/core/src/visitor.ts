/** The owner id of a visitor: this, and the SHA-256 of the visitor's secret in base64url. */
const VISITOR = /^visitor-[\w-]{43}$/;

/** Whether an owner is a visitor: somebody who keeps things here, and is not signed in. */
export function isVisitor(owner: string): boolean {
  return VISITOR.test(owner);
}
