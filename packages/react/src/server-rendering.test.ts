import { createSessionsClient } from "@sessions/client";
import { createElement } from "react";
import { renderToReadableStream, renderToString } from "react-dom/server";
import { expect, test } from "vitest";
import { note, serverHtml, ServerPage } from "./testing/server-page.tsx";

function page() {
  const sessions = createSessionsClient({ flows: [note], url: "/trpc", owner: "ada" });
  return createElement(ServerPage, { sessions, id: "0190b2f4-0000-7000-8000-0000000000ff" });
}

/** Removes the trace of the component that suspends. */
const plain = (html: string) => html.replace(/<template[^>]*>/, "<template>");

test("a server renders the same page every time: nothing is known there, and what would wait shows its fallback", () => {
  expect(plain(renderToString(page()))).toBe(serverHtml);
  expect(plain(renderToString(page()))).toBe(serverHtml);
});

test("a page that is streamed is the same, and ends without waiting for a session", async () => {
  const errors: unknown[] = [];
  const stream = await renderToReadableStream(page(), { onError: (error) => void errors.push(error) });
  expect(plain(await new Response(stream).text())).toBe(serverHtml);
  // How React is told to go on in the browser.
  expect(errors.map(String)).toEqual(["Error: What a session holds is known in the browser alone."]);
});
