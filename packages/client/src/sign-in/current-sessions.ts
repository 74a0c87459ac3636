import { browserEnvironment, isServerRender, sleep, type Environment } from "../environment.ts";
import { createListeners } from "../listeners.ts";
import { assembleSessionsClient, type SessionsClient } from "../sessions.ts";
import { adoptVisitors, holdVisitor, moveVisitor, type FollowedSignIn } from "./visitor-adoption.ts";
import { mergeVisitorRecords, syncOf } from "./visitor-records.ts";
import { inheritDevice } from "./visitor-devices.ts";
import { createOpenSessions, type OpenedSessions, type OpenedSessionsOptions } from "./opened-sessions.ts";
import { openVisitor } from "./visitor.ts";

/** How long a visitor's sessions stay open after the owner's are shown: a page may still type into them. In milliseconds. */
const SWITCH_MS = 1_000;

/** How long to wait before the server is asked again to adopt, in milliseconds. */
const RETRY_MS = 3_000;

export interface CurrentSessionsOptions extends OpenedSessionsOptions {
  /** Made by `createSignInClient`. */
  readonly signIn: FollowedSignIn;
}

/**
 * The sessions to show now. Null until it is known who is signed in. `isVisitor`: they are those of somebody who is not
 * signed in.
 */
export interface CurrentSessionsState {
  readonly sessions: SessionsClient | null;
  readonly isVisitor: boolean;
}

/** The sessions of the person at this browser: of the owner who is signed in, else of the visitor. */
export interface CurrentSessions {
  readonly state: CurrentSessionsState;
  /** The state before anything is known. A server renders it. */
  readonly initialState: CurrentSessionsState;
  /** Calls the listener after every change of `state`. Returns a function that ends the subscription. */
  subscribe(listener: () => void): () => void;
  /** Closes the sessions that it has opened. */
  close(): void;
}

const initialState: CurrentSessionsState = { sessions: null, isVisitor: false };

/**
 * Follows who is signed in. When a visitor signs in, in this page or another one, the server gives the visitor's sessions
 * to the owner, and then this browser moves its own copy: queued changes, half-typed fields and conflicts too. All pages
 * of the browser go on with the owner's sessions. If anything dies meanwhile, the next page goes on with it.
 *
 * @example
 * const signIn = createSignInClient({ url: "/trpc" });
 * const current = createCurrentSessions({ signIn, flows: [transfer], url: "/trpc" });
 * current.subscribe(() => render(current.state.sessions));
 */
export function createCurrentSessions(options: CurrentSessionsOptions): CurrentSessions {
  return assembleCurrentSessions(options, browserEnvironment);
}

/** {@link createCurrentSessions} with time and the sessions of each owner from the caller. */
export function assembleCurrentSessions(
  { signIn, ...options }: CurrentSessionsOptions,
  environment: Environment,
  assembleSessions = assembleSessionsClient,
): CurrentSessions {
  const listeners = createListeners();
  const open = createOpenSessions(options, environment, assembleSessions);
  let state = initialState;
  let shown: OpenedSessions | null = null;
  let closed = isServerRender();
  /** The changes of `signIn` are followed one after the other. */
  let following = Promise.resolve();
  let cancelRetry = () => {};
  /** The visitor's sessions that are not shown any more. */
  let left: OpenedSessions | null = null;

  function show(next: OpenedSessions | null): void {
    shown = next;
    state = next ? { sessions: next.sessions, isVisitor: next.visitor !== null } : initialState;
    listeners.notify();
  }

  async function follow(): Promise<void> {
    const { status, ...person } = signIn.state;
    if (closed) return;
    if (status === "signed_out") return followVisitor();
    if (status === "signed_in" && "owner" in person) return followOwner(person.owner);
  }

  async function followVisitor(): Promise<void> {
    if (shown?.visitor) return;
    shown?.close();
    const visitor = await openVisitor();
    const release = await holdVisitor(visitor);
    const opened = open(visitor.owner, visitor, release);
    await opened.sessions.ready;
    if (closed) opened.close();
    else show(opened);
  }

  async function followOwner(owner: string): Promise<void> {
    cancelRetry();
    const before = shown;
    if (before?.visitor === null && before.owner !== owner) before.close();
    const device = before?.visitor && syncOf(before.sessions).store.device;
    const isOpen = before?.visitor === null && before.owner === owner;
    if (device && !isOpen) inheritDevice(device, owner, options.profile ?? "");
    const own = isOpen ? before : open(owner, null, () => {});
    await own.sessions.ready;
    const adopted = await adoptVisitors(signIn).catch(() => null);
    if (closed) return own.close();
    if (adopted === null) cancelRetry = environment.after(RETRY_MS, changed);
    const visited = before?.visitor ? before : null;
    const isOurs = visited !== null && adopted?.some(({ owner: one }) => one === visited.owner);
    // The visitor's page stays until the server has answered whose it is.
    if (visited && adopted === null) return own.close();
    if (visited && isOurs) await mergeVisitorRecords(syncOf(visited.sessions).store, syncOf(own.sessions));
    if (!isOpen) show(own);
    if (visited) await leave(visited, own, isOurs === true);
    for (const visitor of closed ? [] : (adopted ?? [])) {
      const profile = { owner, to: syncOf(own.sessions), flows: options.flows, environment };
      await moveVisitor(visitor, profile);
    }
  }

  /** Closes the visitor's sessions, once this page types into the owner's. */
  async function leave(visited: OpenedSessions, own: OpenedSessions, isOurs: boolean): Promise<void> {
    left = visited;
    await sleep(SWITCH_MS, environment);
    if (closed) return;
    visited.sessions.close();
    // Nothing can change after the close, and all that was typed before it is in these records.
    if (isOurs) await mergeVisitorRecords(syncOf(visited.sessions).store, syncOf(own.sessions));
    await syncOf(visited.sessions).store.written();
    visited.close();
    left = null;
  }

  function changed(): void {
    following = following.then(follow).catch(() => {
      // A refused disk: the page goes on with what it shows, and the next change or page tries again.
    });
  }

  const stop = signIn.subscribe(changed);
  changed();
  return {
    get state() {
      return state;
    },
    initialState,
    subscribe: listeners.subscribe,
    close() {
      closed = true;
      stop();
      cancelRetry();
      shown?.close();
      left?.close();
    },
  };
}
