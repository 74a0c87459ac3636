import { eraseDeviceCookies } from "../store/device-cookie.ts";
import type { SignInState } from "./sign-in-state.ts";
import { moveVisitorDatabase, type OwnersProfile } from "./visitor-records.ts";
import { deleteVisitor, listVisitors, noteAdopted, type Visitor } from "./visitor.ts";

/** The part of a `SignInClient` that tells whose sessions to show. */
export interface FollowedSignIn {
  readonly state: SignInState;
  subscribe(listener: () => void): () => void;
  adopt(visitor: Visitor): Promise<boolean | null>;
}

/** Asks the server to adopt each visitor of this browser. Gives those whom the owner has. Rejects if it does not answer. */
export async function adoptVisitors(signIn: Pick<FollowedSignIn, "adopt">): Promise<readonly Visitor[]> {
  const adopted: Visitor[] = [];
  for (const visitor of await listVisitors()) {
    const isOwners = await signIn.adopt(visitor);
    if (isOwners === null) throw new Error("Signed out.");
    // Some owner has it: nothing begins under it any more.
    await noteAdopted(visitor);
    if (isOwners) adopted.push(visitor);
  }
  return adopted;
}

/** Says to the other pages that this one has the visitor's sessions open. Gives a function that ends it. */
export function holdVisitor(visitor: Visitor): Promise<() => void> {
  return new Promise((resolve) => {
    void navigator.locks.request(lockOf(visitor), { mode: "shared" }, () => new Promise<void>((end) => resolve(end)));
  });
}

/** Moves what is left on the disk, and deletes the visitor, unless another page still has the visitor's sessions open: that page does it. */
export async function moveVisitor(visitor: Visitor, profile: OwnersProfile): Promise<void> {
  await navigator.locks.request(lockOf(visitor), { ifAvailable: true }, async (lock) => {
    if (!lock || !(await moveVisitorDatabase(visitor.owner, profile))) return;
    const left = (await indexedDB.databases?.()) ?? [];
    // Another profile of this browser moves its own.
    const isLast = left.every(({ name = "" }) => !name.startsWith(`sessions:${visitor.owner}:`));
    if (!isLast) return;
    eraseDeviceCookies(visitor.owner);
    await deleteVisitor(visitor);
  });
}

const lockOf = ({ owner }: Visitor) => `sessions ${owner}`;
