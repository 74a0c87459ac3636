import { formatNumber } from "./format.ts";
import { html, type Html } from "./html.ts";

export interface Bar {
  readonly label: string;
  readonly value: number;
  /** A greater number that `value` is a part of. A pale bar shows it. */
  readonly of?: number;
}

const WIDTH = 640;
const HEIGHT = 180;
/** The room for labels below the bars, and for numbers above them. */
const [BELOW, ABOVE] = [24, 24];
/** The most bars that have their number above them. More have the greatest one alone. */
const NUMBERED = 8;
/** The most letters of a label below one of these. */
const LETTERS = 12;

/**
 * Bars of one number each. `note` says what the bars are. The table with the same numbers stands behind it, so it is one
 * picture for a screen reader.
 */
export function barPlot(title: string, bars: readonly Bar[], note?: string): Html {
  if (bars.length === 0) return html``;
  const most = Math.max(1, ...bars.map(({ value, of = value }) => Math.max(value, of)));
  const slot = WIDTH / Math.max(bars.length, NUMBERED / 2);
  const every = Math.ceil(bars.length / 8);
  const isNumbered = bars.length <= NUMBERED;
  const ground = HEIGHT - BELOW;
  const rect = (number: number, index: number, kind: string) => {
    const height = number === 0 ? 0 : Math.max(1, (number / most) * (ground - ABOVE));
    const [x, y] = [index * slot + slot * 0.15, ground - height];
    return html`<rect
      class="${kind}"
      x="${round(x)}"
      y="${round(y)}"
      width="${round(slot * 0.7)}"
      height="${round(height)}"
    />`;
  };
  return html`<figure class="plot">
    <figcaption>${title}${note !== undefined && html` <small>${note}</small>`}</figcaption>
    <svg
      viewBox="0 0 ${WIDTH} ${HEIGHT}"
      role="img"
      aria-label="${title}: ${bars.length} bars, from ${bars[0]!.label} to ${bars.at(-1)!.label}. The most is ${formatNumber(most)}. The table has each number."
    >
      <line class="axis" x1="0" x2="${WIDTH}" y1="${ground}" y2="${ground}" />
      ${bars.map(({ label, value, of }, index) => {
        const x = round(index * slot + slot * 0.15);
        const top = ground - (Math.max(value, of ?? 0) / most) * (ground - ABOVE);
        const text = isNumbered ? label.slice(0, LETTERS) : label;
        const isSecond = !isNumbered && (index / every) % 2 === 1;
        return html`${of !== undefined && rect(of, index, "bar whole")}${rect(value, index, "bar")}
        ${isNumbered && html`<text class="most" x="${x}" y="${round(top - 5)}">${formatNumber(of ?? value)}</text>`}
        ${index % every === 0 && html`<text class="label${isSecond && " second"}" x="${x}" y="${HEIGHT - 6}">${text}</text>`}`;
      })}
      ${!isNumbered && html`<text class="most" x="0" y="${ABOVE - 6}">${formatNumber(most)}</text>`}
    </svg>
  </figure>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
