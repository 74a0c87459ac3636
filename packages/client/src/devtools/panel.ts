import { element } from "./element.ts";
import type { Badge, PanelModel } from "./panel-model.ts";
import { resizeBy } from "./resize.ts";
import { style } from "./style.ts";
import { tableOf } from "./table.ts";

/** The actions of the panel's buttons. Each returns a sentence that says what it did. */
export interface PanelActions {
  readonly onOffline: () => string;
  readonly onDrop: () => string;
  readonly onEvict: () => Promise<string>;
  readonly onReveal: () => string;
}

export interface PanelSwitches {
  readonly isCut: boolean;
  readonly drops: boolean;
  readonly revealed: boolean;
}

/** The panel on the page. It is in a shadow root, so the styles of the panel and of the page do not change each other. */
export interface Panel {
  show(model: PanelModel, switches: PanelSwitches): void;
  remove(): void;
}

export function createPanel({ onOffline, onDrop, onEvict, onReveal }: PanelActions): Panel {
  const host = element("div");
  host.dataset["sessionsDevtools"] = "";
  const root = host.attachShadow({ mode: "open" });
  // A page's content security policy may forbid <style> elements.
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(style);
  root.adoptedStyleSheets = [sheet];

  const said = element("p", { role: "status" });
  const toggle = button("Sessions", () => expand(toggle.getAttribute("aria-expanded") !== "true"));
  const offline = button("Go offline", () => say(onOffline()));
  const drop = button("Drop the next reply", () => say(onDrop()));
  const evict = button("Evict the store", () => void onEvict().then(say, () => say("The browser refused.")));
  const reveal = button("Show what was typed", () => say(onReveal()));
  const facts = element("dl");
  const tables = element("div", { class: "tables", role: "region", "aria-label": "What is kept here", tabindex: "0" });
  const content = element("div", { id: "content" });
  content.append(facts, row(offline, drop, evict, reveal), said, tables);
  const panel = element("section", { "aria-label": "Sessions devtools" });
  const edges = [resizeBy("height", panel), resizeBy("width", panel)];
  panel.append(...edges, toggle, content);
  root.append(panel);
  toggle.setAttribute("aria-controls", "content");
  // An open panel would cover the page that the developer wants to see.
  expand(false);
  panel.addEventListener("keydown", ({ key }) => {
    if (key !== "Escape") return;
    expand(false);
    toggle.focus();
  });
  document.body.append(host);

  function say(text: string): void {
    said.textContent = text;
  }

  function expand(expanded: boolean): void {
    content.hidden = !expanded;
    for (const edge of edges) edge.hidden = !expanded;
    toggle.setAttribute("aria-expanded", String(expanded));
  }

  return {
    show({ facts: known, sessions, commands, drafts }, { isCut, drops, revealed }) {
      offline.textContent = isCut ? "Go online" : "Go offline";
      drop.setAttribute("aria-pressed", String(drops));
      reveal.textContent = revealed ? "Hide what was typed" : "Show what was typed";
      facts.replaceChildren(...Object.entries(known).map(([name, badge]) => fact(name, badge)));
      const shown = [
        tableOf(
          "Sessions",
          ["Session", "Revision", "Status", "Sync"],
          sessions.map(({ id, flow, revision, status, sync }) => [
            idCell(id, flow),
            String(revision),
            chip(status),
            chip(sync),
          ]),
        ),
        tableOf(
          "Queue",
          ["Session", "Command", "State"],
          commands.map(({ session, name, state }) => [idCell(session), name, chip(state)]),
        ),
        tableOf(
          "Drafts",
          ["Session", "Field", "Typed", ...(revealed ? ["Value"] : [])],
          drafts.map(({ session, field, place, typedMs, here, value }) => [
            idCell(session),
            field,
            `${new Date(typedMs).toLocaleTimeString()} ${here ? "here" : "elsewhere"}, ${place}`,
            ...(revealed ? [value === undefined ? "(emptied)" : JSON.stringify(value)] : []),
          ]),
        ),
      ];
      tables.replaceChildren(...shown);
    },
    remove: () => host.remove(),
  };
}

/** Shows the end of an id, which differs most. The whole id appears when the pointer is over it. */
function idCell(id: string, flow?: string): HTMLElement {
  const made = element("span", { title: id });
  made.append(...(flow ? [`${flow} `] : []), element("code"));
  made.lastElementChild!.textContent = `…${id.slice(-6)}`;
  return made;
}

function fact(name: string, badge: Badge): HTMLElement {
  const made = element("div");
  const term = element("dt");
  term.textContent = name;
  const description = element("dd");
  description.append(chip(badge));
  made.append(term, description);
  return made;
}

function chip({ text, severity }: Badge): HTMLElement {
  const made = element("span", { class: severity });
  made.textContent = text;
  return made;
}

function row(...buttons: readonly HTMLElement[]): HTMLElement {
  const made = element("div", { class: "buttons" });
  made.append(...buttons);
  return made;
}

function button(text: string, onClick: () => void): HTMLElement {
  const made = element("button", { type: "button" });
  made.textContent = text;
  made.addEventListener("click", onClick);
  return made;
}
