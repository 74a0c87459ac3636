import type { Environment } from "../../environment.ts";
import { REQUEST_LIFE_MS, type KeptRequest, type KeptRequests } from "./kept-requests.ts";

/** How long a code is shown before the next one takes its place, in milliseconds. It can be approved a little longer. */
const SHOWN_MS = 45_000;

/** A request, with the moment at which it was asked for, by the clock of this page. */
type LiveRequest = KeptRequest & { readonly askedMs: number };

/** The requests that a page can claim. A code that was shown a moment ago may be in the owner's hand. */
export interface LiveRequests {
  /** The oldest first. */
  all(): readonly KeptRequest[];
  /** The newest, if its code may still be shown. */
  shown(): KeptRequest | undefined;
  /** Takes over what this browser has asked for before this page was opened. */
  takeOver(): Promise<void>;
  /** It is on the disk when this resolves. */
  add(request: KeptRequest): Promise<void>;
  remove(id: string): Promise<void>;
  isExpired(request: KeptRequest): boolean;
  /** Forgets them all. */
  close(): void;
}

export function createLiveRequests(kept: KeptRequests, environment: Environment): LiveRequests {
  let requests: readonly LiveRequest[] = [];
  // Once the newest has gone, none before it is shown again.
  let newestId: string | undefined;

  function add(request: KeptRequest): void {
    const askedMs = environment.elapsed() - Math.max(0, environment.now() - request.askedAtMs);
    // The oldest browsers lack `toSorted`.
    requests = [...requests, { ...request, askedMs }].sort((one, other) => one.askedMs - other.askedMs);
    newestId = requests.at(-1)!.id;
  }

  const ageMs = ({ id }: KeptRequest) =>
    environment.elapsed() - (requests.find((request) => request.id === id)?.askedMs ?? -Infinity);

  return {
    all: () => requests,
    shown: () => requests.find((request) => request.id === newestId && ageMs(request) < SHOWN_MS),
    takeOver: () => kept.takeOver(add),
    async add(request) {
      await kept.keep(request);
      add(request);
    },
    async remove(id) {
      requests = requests.filter((request) => request.id !== id);
      await kept.remove(id);
    },
    isExpired: (request) => ageMs(request) > REQUEST_LIFE_MS,
    close() {
      for (const { id } of requests) void kept.remove(id);
      kept.release();
    },
  };
}
