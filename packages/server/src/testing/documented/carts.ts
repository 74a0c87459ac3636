import { createSignIns } from "@sessions/server/sign-in";
import { pool } from "./router.ts";
import { visitData } from "./visit-data.ts";

export const signIns = createSignIns({ database: pool, data: visitData, visitors: true });

export function signIn(request: Request): Promise<Response> {
  return signIns.fetch(request, async (visit) => {
    await visit.signInAs("ada", { factors: ["password"] });
    const cart = await visit.data.resolve("cart", (own = { items: [] }, others) => ({
      items: [own, ...others].flatMap(({ items }) => items),
    }));
    return Response.json(cart);
  });
}
