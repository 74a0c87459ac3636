import { element } from "./element.ts";

/** In CSS pixels. */
const LEAST = { height: 160, width: 280 } as const;
const KEY_STEP = 40;

/** The keys that make the panel larger or smaller. The panel grows from its corner, upwards and to the left. */
const keys: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  height: { ArrowUp: KEY_STEP, ArrowDown: -KEY_STEP, Home: -Infinity, End: Infinity },
  width: { ArrowLeft: KEY_STEP, ArrowRight: -KEY_STEP, Home: -Infinity, End: Infinity },
};

/**
 * An edge of the panel. A person drags it, or moves it with the arrow keys, Home and End. It is a focusable separator
 * (WAI-ARIA, window splitter).
 */
export function resizeBy(side: "height" | "width", panel: HTMLElement): HTMLElement {
  const isHeight = side === "height";
  const edge = element("div", {
    role: "separator",
    class: `edge ${side}`,
    tabindex: "0",
    "aria-label": isHeight ? "Height of the devtools" : "Width of the devtools",
    "aria-orientation": isHeight ? "horizontal" : "vertical",
    "aria-valuemin": String(LEAST[side]),
  });
  const size = () => panel.getBoundingClientRect()[side];
  const room = () => (isHeight ? innerHeight : innerWidth);

  function resize(wanted: number): void {
    const given = Math.round(Math.max(LEAST[side], Math.min(wanted, room())));
    panel.style.setProperty(`--${side}`, `${given}px`);
    tell(given);
  }

  function tell(given: number): void {
    edge.setAttribute("aria-valuenow", String(Math.round(given)));
    edge.setAttribute("aria-valuemax", String(room()));
  }

  edge.addEventListener("focus", () => tell(size()));
  edge.addEventListener("keydown", (event) => {
    const step = keys[side]?.[event.key];
    if (step === undefined) return;
    event.preventDefault();
    resize(size() + step);
  });
  edge.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    edge.setPointerCapture(event.pointerId);
    const from = size() + (isHeight ? event.clientY : event.clientX);
    edge.onpointermove = (moved) => resize(from - (isHeight ? moved.clientY : moved.clientX));
    edge.onlostpointercapture = () => (edge.onpointermove = null);
  });
  // WAI-ARIA wants a value from the beginning.
  tell(LEAST[side]);
  return edge;
}
