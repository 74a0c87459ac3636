import type { RequestHeaders } from "@sessions/server/sign-in";
import { signIns } from "../lib/sign-ins.ts";

/** A server component: `<Account headers={await headers()} />`, with `headers` of `next/headers`. */
export async function Account({ headers }: { readonly headers: RequestHeaders }) {
  const { owner, signIn } = await signIns.read(headers);
  return owner === null ? <a href="/sign-in">Sign in</a> : <p>{`${owner}, on ${signIn?.device}`}</p>;
}
