import { element } from "./element.ts";

/** The content of a cell. */
type Cell = string | HTMLElement;

/** A table with a caption. If there are no lines, it says so. */
export function tableOf(title: string, columns: readonly string[], lines: readonly (readonly Cell[])[]): HTMLElement {
  const made = element("table");
  const caption = element("caption");
  caption.append(title);
  made.append(caption);
  if (lines.length === 0) {
    made.append(tableRow("td", ["None"]));
    return made;
  }
  const head = element("thead");
  head.append(tableRow("th", columns));
  const body = element("tbody");
  body.append(...lines.map((cells) => tableRow("td", cells)));
  made.append(head, body);
  return made;
}

function tableRow(tag: "th" | "td", cells: readonly Cell[]): HTMLElement {
  const made = element("tr");
  for (const content of cells) {
    const cell = element(tag, tag === "th" ? { scope: "col" } : {});
    cell.append(content);
    made.append(cell);
  }
  return made;
}
