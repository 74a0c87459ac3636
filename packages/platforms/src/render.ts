/** A program that renders a page on a server. */
import { createSessionsClient } from "@sessions/client";
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { note, ServerPage } from "../../react/src/testing/server-page.tsx";

const sessions = createSessionsClient({ flows: [note], url: "/trpc", owner: "ada", deviceName: "cut \ud83d" });
const page = createElement(ServerPage, { sessions, id: "0190b2f4-0000-7000-8000-0000000000ff" });
process.stdout.write(renderToString(page));
