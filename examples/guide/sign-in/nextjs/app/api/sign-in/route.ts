import { ownerOf } from "../../../lib/password.ts";
import { signIns } from "../../../lib/sign-ins.ts";

export function POST(request: Request): Promise<Response> {
  return signIns.fetch(request, async (visit) => {
    const owner = ownerOf(await request.json().catch(() => null));
    if (owner === null) return Response.json({ refused: "wrong_password" }, { status: 401 });
    return Response.json(await visit.signInAs(owner, { factors: ["password"] }));
  });
}
