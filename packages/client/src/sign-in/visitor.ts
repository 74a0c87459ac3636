/** Somebody who is not signed in, in this browser. */
export interface Visitor {
  /** The owner id of the visitor's sessions. */
  readonly owner: string;
  /** They show the visitor's secret: who has it is this visitor. */
  readonly headers: Readonly<{ "sign-in-visitor": string }>;
}

/**
 * A secret that this browser keeps. `isAdopted`: some owner has the visitor now, so nothing begins under it any more.
 * `owner`: the id that the secret gives. Nobody can compute it within one task.
 */
interface KeptSecret {
  readonly secret: string;
  readonly owner?: string;
  readonly isAdopted?: boolean;
}

const KEY = "sessions:visitors";
const SECRET_BYTES = 32;

/** The secrets of this page, if the browser keeps none: it has no `localStorage`, as in a sandboxed frame, or it is full. */
let inMemory: string | undefined;

/** The visitor of this browser, the same in all its pages. The first call makes the secret, offline too. */
export function openVisitor(): Promise<Visitor> {
  return withSecrets(async (kept, keep) => {
    const known = kept.find(({ isAdopted }) => !isAdopted)?.secret;
    const secret = known ?? base64url(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)));
    const visitor = await visitorOf(secret);
    if (known === undefined) keep([...kept, { secret, owner: visitor.owner }]);
    return visitor;
  });
}

/** Every visitor whose sessions may still be in this browser. */
export function listVisitors(): Promise<readonly Visitor[]> {
  return withSecrets((kept) => Promise.all(kept.map(({ secret }) => visitorOf(secret))));
}

/** The owner ids of the visitors whom nobody has adopted, as far as this page knows. */
export function unadoptedVisitors(): readonly string[] {
  const kept = JSON.parse(read()) as readonly KeptSecret[];
  return kept.flatMap(({ owner, isAdopted }) => (owner === undefined || isAdopted ? [] : [owner]));
}

/** Notes that some owner has this visitor. The secret stays until the visitor's sessions have moved. */
export function noteAdopted(visitor: Visitor): Promise<void> {
  return changeSecret(visitor, (kept) => [{ ...kept, isAdopted: true }]);
}

/** Deletes the secret: nobody can show it any more. */
export function deleteVisitor(visitor: Visitor): Promise<void> {
  return changeSecret(visitor, () => []);
}

function changeSecret({ headers }: Visitor, change: (kept: KeptSecret) => readonly KeptSecret[]): Promise<void> {
  const secret = headers["sign-in-visitor"];
  return withSecrets(async (kept, keep) => keep(kept.flatMap((one) => (one.secret === secret ? change(one) : [one]))));
}

/** Reads and changes the secrets while no other page does. */
function withSecrets<T>(
  use: (kept: readonly KeptSecret[], keep: (kept: readonly KeptSecret[]) => void) => Promise<T>,
): Promise<T> {
  return navigator.locks.request(KEY, () => use(JSON.parse(read()) as KeptSecret[], write)) as Promise<T>;
}

function read(): string {
  try {
    return inMemory ?? localStorage.getItem(KEY) ?? "[]";
  } catch {
    return "[]";
  }
}

function write(kept: readonly KeptSecret[]): void {
  const text = JSON.stringify(kept);
  try {
    localStorage.setItem(KEY, text);
  } catch {
    inMemory = text;
  }
}

async function visitorOf(secret: string): Promise<Visitor> {
  const bytes = Uint8Array.from(atob(secret.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  return { owner: `visitor-${base64url(new Uint8Array(digest))}`, headers: { "sign-in-visitor": secret } };
}

function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}
