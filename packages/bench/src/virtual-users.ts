import { MAX_COMMANDS, type PushReply, type PushRequest } from "@sessions/core/internal";
import type { Sessions } from "@sessions/server";
import { VirtualUser, SUBMITS_PER_SESSION } from "./servers/application.ts";

/** How many users begin sessions at once. Their commands must fit the server's queue. */
const BEGIN_AT_ONCE = 32;

/** Users who submit through a node's router, within the process. */
export class VirtualUsers {
  readonly all: readonly VirtualUser[];
  readonly #push: readonly ((request: PushRequest) => Promise<PushReply>)[];

  constructor(node: Sessions, size: number, prefix: string) {
    this.all = Array.from({ length: size }, (_, index) => new VirtualUser(`${prefix}-${index}`));
    const callers = this.all.map(({ owner }) => node.router.createCaller({ user: owner }));
    this.#push = callers.map((caller) => (request) => caller.push(request));
  }

  /** Begins enough sessions for this many submissions by each of the first `size` users. */
  async begin(size: number, submissions: number): Promise<void> {
    for (let from = 0; from < size; from += BEGIN_AT_ONCE) {
      const to = Math.min(size, from + BEGIN_AT_ONCE);
      await Promise.all(this.all.slice(from, to).map((user, index) => this.#fill(user, from + index, submissions)));
    }
  }

  async #fill(user: VirtualUser, index: number, submissions: number): Promise<void> {
    while (user.submissionsLeft < submissions) {
      const count = Math.min(MAX_COMMANDS, Math.ceil((submissions - user.submissionsLeft) / SUBMITS_PER_SESSION));
      const { outcomes } = await this.#push[index]!(user.begin(count));
      if (outcomes.some(({ status }) => status !== "accepted")) throw new Error("A session was not begun.");
    }
  }

  /** Submits once, as the user at this index. */
  async submit(index: number): Promise<void> {
    const { outcomes } = await this.#push[index]!(this.all[index]!.submit());
    if (outcomes[0]?.status !== "accepted") throw new Error(`Not accepted: ${JSON.stringify(outcomes)}`);
  }

  /** Submits once, and gives the session after it. */
  async snapshotAfter(index: number): Promise<PushReply["snapshots"][number]> {
    const { snapshots } = await this.#push[index]!(this.all[index]!.submit());
    return snapshots[0]!;
  }
}
