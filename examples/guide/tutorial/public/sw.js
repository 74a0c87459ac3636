// Keeps the page and its files, so that the page opens offline. It keeps no requests to /trpc:
// the sessions client has its own store.
const KEPT = "page";

async function keep() {
  const page = await fetch("/");
  if (!page.ok || page.redirected) return;
  const html = await page.clone().text();
  const files = [...html.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, file]) => file);
  const cache = await caches.open(KEPT);
  for (const file of files) if (!(await cache.match(file))) await cache.add(file);
  // The page last, so that a kept page has all its files.
  await cache.put("/", page);
  for (const { url } of await cache.keys()) {
    const { pathname } = new URL(url);
    if (pathname !== "/" && !files.includes(pathname)) await cache.delete(url);
  }
}

self.addEventListener("install", (event) => event.waitUntil(keep()));
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));
self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.mode === "navigate") {
    event.respondWith(fetch(request).catch(() => caches.match("/")));
    event.waitUntil(keep().catch(() => {}));
  } else if (request.method === "GET" && !new URL(request.url).pathname.startsWith("/trpc")) {
    event.respondWith(caches.match(request).then((kept) => kept ?? fetch(request)));
  }
});
