import { createSignInClient } from "@sessions/client/sign-in";
import { useVisitData } from "@sessions/react/sign-in";
import { visitData } from "./visit-data.ts";

export const signIn = createSignInClient({ url: "/trpc", data: visitData });

export function Cart() {
  const { value: cart = { items: [] }, conflicts, resolve } = useVisitData(signIn, "cart");
  const others = conflicts.flatMap(({ items }) => items);
  if (others.length === 0) return <p>{cart.items.join(", ")}</p>;
  return (
    <>
      <p>{`Before you signed in, you chose ${others.join(", ")}.`}</p>
      <button onClick={() => void resolve((own = cart) => ({ items: [...own.items, ...others] }))}>
        Add to my cart
      </button>
      <button onClick={() => void resolve((own) => own)}>Leave them out</button>
    </>
  );
}
