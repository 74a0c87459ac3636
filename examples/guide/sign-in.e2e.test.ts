import { fileURLToPath } from "node:url";
import { renderToString } from "react-dom/server";
import { expect, onTestFinished, test, vi } from "vitest";
import { freshDatabase } from "../../packages/server/src/testing/postgres.ts";
import { Browser } from "../../packages/server/src/testing/visits/browser.ts";
import { runServer } from "./testing/running-server.ts";

const { url: databaseUrl } = await freshDatabase();
const directory = fileURLToPath(new URL("sign-in", import.meta.url));
const right = { name: "ada", password: "analytical engine" };

test.for(["node", "express", "fastify", "hono"])(
  "as the page has it, a server of %s signs a person in, lists their sign-ins, and signs them out",
  async (name) => {
    const server = await runServer(`${name}.ts`, directory, { DATABASE_URL: databaseUrl });
    const [phone, laptop] = [new Browser(server.url), new Browser(server.url)];
    expect((await phone.send("/account")).status).toBe(401);
    const wrong = await phone.post("/sign-in", { ...right, password: "difference engine" });
    expect([wrong.status, wrong.signInCookies]).toEqual([401, []]);
    for (const device of [phone, laptop]) {
      expect(JSON.parse((await device.post("/sign-in", right)).body)).toEqual({ ok: true });
      device.csrf = ((await device.call("current")).data as { csrf: string }).csrf;
    }
    expect(JSON.parse((await phone.send("/account")).body)).toMatchObject({ owner: "ada" });
    const account = await phone.send("/account");
    expect(account.headers["cache-control"]).toBe("no-store");
    const exported = await phone.send("/export");
    expect([exported.status, JSON.parse(exported.body)]).toMatchObject([401, { asked: { level: "aal2" } }]);
    // The page's own answer, and what tRPC's client understands.
    const elsewhere = { "sec-fetch-site": "cross-site" };
    expect((await phone.post("/sign-in", right, elsewhere)).body).toContain('"error":"cross_site"');
    expect((await phone.call("signOut", {}, elsewhere)).code).toBe("FORBIDDEN");
    for (const body of ["", "{", "null"]) {
      const headers = { "content-type": "application/json", "sec-fetch-site": "same-origin" };
      const { status } = await fetch(`${server.url}/sign-in`, { method: "POST", headers, body });
      expect(status, body).toBeOneOf([400, 401]);
    }
    expect((await phone.call("list")).data).toMatchObject({ signIns: [{}, {}] });
    expect((await phone.call("revokeOthers")).data).toEqual({ ended: 1 });
    expect((await laptop.send("/account")).status).toBe(401);
    expect((await phone.call("signOut")).data).toEqual({ ended: true });
    expect((await phone.send("/account")).status).toBe(401);
    expect((await server.stop()).exitCode).toBe(0);
  },
);

test("as the page has it, Next.js signs a person in by a route handler, and shows them in a server component", async () => {
  vi.stubEnv("DATABASE_URL", databaseUrl);
  const { POST } = await import("./sign-in/nextjs/app/api/sign-in/route.ts");
  const { GET, POST: change } = await import("./sign-in/nextjs/app/trpc/[trpc]/route.ts");
  const { Account } = await import("./sign-in/nextjs/app/account.tsx");
  const { pool, signIns } = await import("./sign-in/nextjs/lib/sign-ins.ts");
  onTestFinished(async () => {
    await signIns.close();
    await pool.end();
  });
  vi.stubEnv("NEXT_RUNTIME", "nodejs");
  const { register } = await import("./sign-in/nextjs/instrumentation.ts");
  await register();

  const headers = { "sec-fetch-site": "same-origin", "content-type": "application/json" };
  const request = new Request("https://bank.example/api/sign-in", {
    method: "POST",
    headers,
    body: JSON.stringify(right),
  });
  const signedIn = await POST(request);
  expect(await signedIn.json()).toEqual({ ok: true });
  const cookie = signedIn.headers.getSetCookie()[0]!.split(";")[0]!;
  const current = await GET(new Request("https://bank.example/trpc/signIns.current", { headers: { cookie } }));
  const { result } = (await current.json()) as { result: { data: { owner: string; csrf: string } } };
  expect(result.data.owner).toBe("ada");

  const pageOf = async (sent: Record<string, string>) =>
    renderToString(await Account({ headers: new Headers({ host: "bank.example", ...sent }) }));
  expect(await pageOf({ cookie })).toContain("ada, on ");
  expect(await pageOf({})).toContain("Sign in");

  const signOut = { method: "POST", headers: { ...headers, cookie, "sign-in-csrf": result.data.csrf }, body: "{}" };
  const signedOut = await change(new Request("https://bank.example/trpc/signIns.signOut", signOut));
  expect(await signedOut.json()).toMatchObject({ result: { data: { ended: true } } });
  expect(await pageOf({ cookie })).toContain("Sign in");
});
