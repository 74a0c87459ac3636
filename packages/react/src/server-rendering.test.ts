import { createSessions } from "@sessions/client";
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { expect, test } from "vitest";
import { note, serverHtml, ServerPage } from "./testing/server-page.tsx";

test("a server renders the same page every time: nothing is known there, and what would wait shows its fallback", () => {
  const render = () => {
    const sessions = createSessions({ flows: [note], url: "/trpc", owner: "ada" });
    const page = createElement(ServerPage, { sessions, id: "0190b2f4-0000-7000-8000-0000000000ff" });
    return renderToString(page).replace(/<template[^>]*>/, "<template>");
  };
  expect(render()).toBe(serverHtml);
  expect(render()).toBe(serverHtml);
});
