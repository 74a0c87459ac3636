import { createSignIns } from "@sessions/server/sign-in";
import { pool } from "./router.ts";
import { visitData } from "./visit-data.ts";

export const signIns = createSignIns({ database: pool, data: visitData });

export function addToCart(request: Request): Promise<Response> {
  return signIns.fetch(request, async (visit) => {
    const item = await request.text();
    const changed = await visit.data.change("cart", (cart = { items: [] }) => ({ items: [...cart.items, item] }));
    return Response.json(changed);
  });
}
