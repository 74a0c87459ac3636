import { SessionsError } from "@sessions/core/internal";
import type { Change, ChangeName, ChangeReplies, SignInApi } from "./sign-in-api.ts";
import { dataHolderOf, personOf, type KnownSignIn } from "./sign-in-state.ts";

/** Sends a change of the person whom this page shows, or of the visitor, and of nobody else who has signed in meanwhile. */
export type SendOwnChange = <Name extends ChangeName>(
  name: Name,
  change?: Omit<Change, "csrf">,
) => Promise<ChangeReplies[Name] | "signed_out">;

export function createOwnChanges(api: SignInApi, known: KnownSignIn, mount: string): SendOwnChange {
  return async (name, change = {}) => {
    // A value may be of one sign-in. The other changes are of the owner.
    const personNow = () => {
      // Leaving is the only change of a guest.
      if (name === "signOut" && known.state.status === "guest") return known.state.owner;
      return name === "data.set" ? dataHolderOf(known.state) : personOf(known.state)?.owner;
    };
    if (known.state.status === "loading" || known.state.status === "unreachable") await known.read();
    const person = personNow();
    for (let tries = 0; tries < 2 && person !== undefined && person === personNow(); tries += 1) {
      const reply = await api.change(name, { ...change, csrf: known.csrf ?? "" });
      if (reply === "signed_out") known.ask();
      if (reply !== "mismatch") return reply;
      await known.read();
    }
    if (person === undefined || person !== personNow()) return "signed_out";
    throw new SessionsError("answer_unexpected", `${mount}.${name} was refused, and nothing was changed.`);
  };
}
