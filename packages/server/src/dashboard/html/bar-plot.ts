import { formatNumber } from "./format.ts";
import { html, type Html } from "./html.ts";

export interface Bar {
  readonly label: string;
  readonly value: number;
}

const WIDTH = 640;
const HEIGHT = 160;
const LABELS = 18;

/** Bars of one number each. The table with the same numbers stands behind it, so it is one picture for a screen reader. */
export function barPlot(title: string, bars: readonly Bar[]): Html {
  if (bars.length === 0) return html``;
  const most = Math.max(1, ...bars.map(({ value }) => value));
  const slot = WIDTH / bars.length;
  const every = Math.ceil(bars.length / 8);
  const room = HEIGHT - LABELS - 14;
  const last = bars.at(-1)!;
  return html`<figure class="plot">
    <figcaption>${title}</figcaption>
    <svg
      viewBox="0 0 ${WIDTH} ${HEIGHT}"
      role="img"
      aria-label="${title}: ${bars.length} bars, from ${bars[0]!.label} to ${last.label}. The most is ${formatNumber(most)}. The table has each number."
    >
      <line class="axis" x1="0" x2="${WIDTH}" y1="${HEIGHT - LABELS}" y2="${HEIGHT - LABELS}" />
      ${bars.map(({ label, value }, index) => {
        const height = value === 0 ? 0 : Math.max(1, (value / most) * room);
        const x = index * slot;
        return html`<rect
            class="bar"
            x="${round(x + slot * 0.15)}"
            y="${round(HEIGHT - LABELS - height)}"
            width="${round(slot * 0.7)}"
            height="${round(height)}"
          />
          ${index % every === 0 && html`<text class="label${(index / every) % 2 === 1 && " second"}" x="${round(x + slot * 0.15)}" y="${HEIGHT - 4}">${label}</text>`}`;
      })}
      <text class="most" x="0" y="10">${formatNumber(most)}</text>
    </svg>
  </figure>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
