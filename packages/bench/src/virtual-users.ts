import { MAX_COMMANDS, type PushReply, type PushRequest } from "@sessions/core";
import type { Sessions } from "@sessions/server";
import { Person, SUBMITS_PER_SESSION } from "./hosts/application.ts";

/** How many people begin sessions at once: what waits must fit the engine's queue. */
const BEGIN_AT_ONCE = 32;

/** People who submit through a node's router, within the process. */
export class VirtualUsers {
  readonly people: readonly Person[];
  readonly #push: readonly ((request: PushRequest) => Promise<PushReply>)[];

  constructor(node: Sessions, size: number, prefix: string) {
    this.people = Array.from({ length: size }, (_, index) => new Person(`${prefix}-${index}`));
    const callers = this.people.map(({ owner }) => node.router.createCaller({ user: owner }));
    this.#push = callers.map((caller) => (request) => caller.push(request));
  }

  /** Begins as many sessions as so many submissions by each of the first `size` people take. */
  async begin(size: number, submissions: number): Promise<void> {
    for (let from = 0; from < size; from += BEGIN_AT_ONCE) {
      const to = Math.min(size, from + BEGIN_AT_ONCE);
      await Promise.all(
        this.people.slice(from, to).map((person, index) => this.#fill(person, from + index, submissions)),
      );
    }
  }

  async #fill(person: Person, index: number, submissions: number): Promise<void> {
    while (person.room < submissions) {
      const count = Math.min(MAX_COMMANDS, Math.ceil((submissions - person.room) / SUBMITS_PER_SESSION));
      const { outcomes } = await this.#push[index]!(person.begin(count));
      if (outcomes.some(({ outcome }) => outcome !== "accepted")) throw new Error("A session was not begun.");
    }
  }

  /** One submission by one of them. */
  async submit(index: number): Promise<void> {
    const { outcomes } = await this.#push[index]!(this.people[index]!.submit());
    if (outcomes[0]?.outcome !== "accepted") throw new Error(`Not accepted: ${JSON.stringify(outcomes)}`);
  }

  /** The newest state of one person's session. */
  async snapshotAfter(index: number): Promise<PushReply["snapshots"][number]> {
    const { snapshots } = await this.#push[index]!(this.people[index]!.submit());
    return snapshots[0]!;
  }
}
