/** A session in the list that better-auth keeps of each user. */
export interface ListedSession {
  readonly token: string;
  readonly expiresAt: number;
}

const LIST_PREFIX = "active-sessions-";
const REVOKED_PREFIX = "revoked-sessions-before-";

/** The key of a user's list. */
export const listKeyOf = (userId: string) => `${LIST_PREFIX}${userId}`;
export const isListKey = (key: string) => key.startsWith(LIST_PREFIX);
/** The time before which the sessions of a user were revoked never goes back. */
export const isRevokedKey = (key: string) => key.startsWith(REVOKED_PREFIX);

/** The sessions of a list, or none for a text that is no list. */
export function sessionsOf(text: string): readonly ListedSession[] {
  const list = parsed(text);
  return Array.isArray(list) ? list.filter(isListed) : [];
}

function isListed(value: unknown): value is ListedSession {
  const { token, expiresAt } = (value ?? {}) as Partial<ListedSession>;
  return typeof token === "string" && typeof expiresAt === "number";
}

/** The user of a session, if the value under this key is one. */
export function userOf(key: string, text: string): string | undefined {
  const { session } = (parsed(text) ?? {}) as {
    readonly session?: { readonly token?: unknown; readonly userId?: unknown };
  };
  return session?.token === key && typeof session.userId === "string" ? session.userId : undefined;
}

/**
 * The sessions of both lists, the earliest end first. A list that is written was read before, and others may have added
 * sessions since: a session leaves the list when it is deleted, or when it has ended.
 */
export function merge(
  current: readonly ListedSession[],
  written: readonly ListedSession[],
  isGone: (session: ListedSession) => boolean,
): readonly ListedSession[] {
  const byToken = new Map([...current, ...written].map((session) => [session.token, session]));
  return [...byToken.values()].filter((session) => !isGone(session)).toSorted((a, b) => a.expiresAt - b.expiresAt);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
