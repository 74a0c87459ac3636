import { once } from "node:events";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { SessionsStore } from "@sessions/server/express-session";
import connectPgSimple from "connect-pg-simple";
import express from "express";
import session, { type Store } from "express-session";
import { chromium } from "playwright";
import { onTestFinished, test } from "vitest";
import { chooseChromium } from "../../scripts/chromium.ts";
import { freshDatabase } from "../../packages/server/src/testing/postgres.ts";

declare module "express-session" {
  interface SessionData {
    user: string;
    cart: string[];
  }
}

const { pool } = await freshDatabase();

/** An application of express-session with any store. It keeps a cart for who is signed in. */
async function listen(store: Store, port = 0): Promise<Server> {
  const app = express();
  const cookie = { maxAge: 3_600_000 };
  app.use(session({ store, secret: "a secret of tests", resave: false, saveUninitialized: false, cookie }));
  app.get("/", ({ session: { user = "nobody", cart = [] } }, response) => {
    response.send(`
      <p>Signed in: ${user}. Cart: ${cart.join(", ") || "empty"}.</p>
      <form method="post" action="/sign-in"><button>Sign in</button></form>
      <form method="post" action="/cart"><button>Add tea</button></form>
      <form method="post" action="/sign-out"><button>Sign out</button></form>`);
  });
  app.post("/sign-in", (request, response, next) => {
    request.session.regenerate((error: unknown) => {
      if (error) return next(error);
      request.session.user = "ada";
      response.redirect("/");
    });
  });
  app.post("/cart", (request, response) => {
    request.session.cart = [...(request.session.cart ?? []), "tea"];
    response.redirect("/");
  });
  app.post("/sign-out", (request, response, next) => {
    request.session.destroy((error: unknown) => (error ? next(error) : response.redirect("/")));
  });
  const server = app.listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}

async function stop(server: Server): Promise<void> {
  server.closeAllConnections();
  server.close();
  await once(server, "close");
}

test("an application that replaces connect-pg-simple by one line signs nobody out, also while old and new nodes run", async () => {
  const older = new (connectPgSimple(session))({ pool, createTableIfMissing: true, pruneSessionInterval: false });
  const before = await listen(older);
  const { port } = before.address() as AddressInfo;
  const browser = await chromium.launch(await chooseChromium());
  onTestFinished(() => browser.close());
  const page = await browser.newPage();
  const says = (text: string) => page.getByText(text).waitFor();
  const press = (name: string) => page.getByRole("button", { name }).click();

  await page.goto(`http://127.0.0.1:${port}/`);
  await press("Sign in");
  await press("Add tea");
  await says("Signed in: ada. Cart: tea.");
  await stop(before);

  const store = new SessionsStore({ database: pool, adopt: { table: "session" } });
  onTestFinished(() => store.close());
  const after = await listen(store, port);
  await page.reload();
  await says("Signed in: ada. Cart: tea.");
  await press("Add tea");
  await says("Cart: tea, tea.");
  await stop(after);

  // A node that was not deployed yet answers the next request, and then the new one again.
  const old = await listen(older, port);
  await page.reload();
  await says("Signed in: ada. Cart: tea, tea.");
  await press("Add tea");
  await says("Cart: tea, tea, tea.");
  await stop(old);
  const last = await listen(store, port);
  onTestFinished(() => stop(last));
  await page.reload();
  await says("Signed in: ada. Cart: tea, tea, tea.");

  await store.adopt();
  await pool.query("drop table session");
  await page.reload();
  await says("Signed in: ada. Cart: tea, tea, tea.");
  await press("Sign out");
  await says("Signed in: nobody. Cart: empty.");
});
