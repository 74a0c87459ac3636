import type { SessionTransport } from "./transport.ts";

/**
 * The transport of one owner: every request names whose it is, so that the server refuses what one person
 * left in this browser once another is signed in. `onSignedOut` runs whenever it does, or nobody is signed in.
 */
export function ownedTransport(transport: SessionTransport, owner: string, onSignedOut: () => void): SessionTransport {
  function look(error: unknown): void {
    if (isUnauthorized(error)) onSignedOut();
  }

  function owned<Request extends object, Options, Reply>(
    call: (request: Request, options?: Options) => Promise<Reply>,
  ): (request: Request, options?: Options) => Promise<Reply> {
    return async (request, options) => {
      try {
        return await call({ ...request, owner }, options);
      } catch (error) {
        look(error);
        throw error;
      }
    };
  }

  return {
    push: { mutate: owned((request, options) => transport.push.mutate(request, options)) },
    read: { query: owned((request, options) => transport.read.query(request, options)) },
    list: { query: owned((request, options) => transport.list.query(request, options)) },
    receipt: { query: owned((request, options) => transport.receipt.query(request, options)) },
    watch: {
      subscribe(request, observer) {
        const onError = (error: unknown) => {
          look(error);
          observer.onError(error);
        };
        return transport.watch.subscribe({ ...request, owner }, { ...observer, onError });
      },
    },
  };
}

/** By its shape: the application's tRPC client may come from another copy of the package. */
function isUnauthorized(error: unknown): boolean {
  const { data } = (error ?? {}) as {
    readonly data?: { readonly code?: unknown; readonly httpStatus?: unknown } | null;
  };
  return data?.code === "UNAUTHORIZED" || data?.httpStatus === 401;
}
