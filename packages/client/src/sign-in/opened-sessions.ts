import type { Environment } from "../environment.ts";
import type { assembleSessionsClient, SessionsClient, SessionsClientOptions } from "../sessions.ts";
import type { RequestHeaders } from "../sync/http/transport.ts";
import type { Visitor } from "./visitor.ts";

type UrlOptions = Extract<SessionsClientOptions, { readonly url: string }>;

/** The options of all sessions that a page opens, of an owner or a visitor. */
export type OpenedSessionsOptions = Omit<UrlOptions, "owner" | "transport">;

/** Sessions that this page has open, and the end of their use. */
export interface OpenedSessions {
  readonly owner: string;
  readonly sessions: SessionsClient;
  /** The visitor whose sessions they are; null if somebody is signed in. */
  readonly visitor: Visitor | null;
  close(): void;
}

/** Opens the sessions of an owner or a visitor. `onClose` is called once they are closed. */
export type OpenSessions = (owner: string, visitor: Visitor | null, onClose: () => void) => OpenedSessions;

export function createOpenSessions(
  { headers = {}, ...options }: OpenedSessionsOptions,
  environment: Environment,
  assemble: typeof assembleSessionsClient,
): OpenSessions {
  const getHeaders = typeof headers === "function" ? headers : () => headers;
  return (owner, visitor, onClose) => {
    const all = async (): Promise<RequestHeaders> => ({ ...(await getHeaders()), ...visitor?.headers });
    const credentials = options.credentials ?? "include";
    const sessions = assemble({ ...options, owner, headers: all, credentials }, environment);
    return {
      owner,
      sessions,
      visitor,
      close() {
        sessions.close();
        onClose();
      },
    };
  };
}
