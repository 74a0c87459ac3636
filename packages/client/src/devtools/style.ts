/** The panel's style. The panel is dark on every page, so that nobody takes it for a part of the page. */
export const style = `
:host {
  all: initial;
  color-scheme: dark;
}
[hidden] {
  display: none !important;
}
section {
  box-sizing: border-box;
  position: fixed;
  z-index: 2147483647;
  inset: auto 0 0 auto;
  display: flex;
  flex-direction: column;
  width: min(var(--width, 38rem), 100%);
  max-height: min(var(--height, min(40rem, 60dvh)), 100dvh);
  overflow: hidden;
  border: 1px solid #3b4550;
  border-radius: 0.75rem 0 0 0;
  background: #14181d;
  color: #e6ebf0;
  box-shadow: 0 -0.5rem 2rem rgb(0 0 0 / 35%);
  font: 0.8125rem/1.45 system-ui, "Segoe UI", Roboto, "Liberation Sans", sans-serif;
}
@media (min-width: 60rem) {
  section {
    max-height: min(var(--height, min(44rem, 85dvh)), 100dvh);
  }
}
section[style*="--height"] {
  height: min(var(--height), 100dvh);
}
section:has(#content[hidden]) {
  width: auto;
  height: auto;
}
.edge {
  position: absolute;
  touch-action: none;
}
.edge:hover {
  background: #5b6875;
}
.edge.height {
  inset: 0 0 auto;
  height: 0.5rem;
  cursor: ns-resize;
}
.edge.width {
  inset: 0 auto 0 0;
  width: 0.5rem;
  cursor: ew-resize;
}
button {
  min-height: 2rem;
  padding: 0.25rem 0.75rem;
  border: 1px solid #5b6875;
  border-radius: 0.5rem;
  background: #222a32;
  color: inherit;
  font: inherit;
  cursor: pointer;
}
button:hover {
  background: #2c3640;
}
:focus-visible {
  outline: 2px solid #8ecbff;
  outline-offset: -2px;
}
button[aria-pressed="true"] {
  border-color: #ffcf70;
  background: #3d3214;
  color: #ffe3a6;
}
section > button {
  min-height: 2.5rem;
  flex: none;
  border: 0;
  border-radius: 0;
  background: none;
  text-align: start;
  font-weight: 600;
}
section > button::before {
  content: "▸";
  content: "▸" / "";
  display: inline-block;
  width: 1.25em;
}
section > button[aria-expanded="true"]::before {
  content: "▾";
  content: "▾" / "";
}
#content {
  display: flex;
  flex-direction: column;
  gap: 0.75rem;
  min-height: 0;
  padding: 0 0.75rem 0.75rem;
}
dl {
  display: flex;
  flex-wrap: wrap;
  gap: 0.25rem 1.25rem;
  margin: 0;
}
dt {
  color: #a3b0bc;
  font-size: 0.75rem;
}
dd {
  margin: 0;
}
.buttons {
  display: flex;
  flex-wrap: wrap;
  gap: 0.5rem;
}
p {
  margin: 0;
  color: #a3b0bc;
}
p:empty {
  display: none;
}
.tables {
  display: flex;
  flex-direction: column;
  gap: 1rem;
  min-height: 0;
  overflow: auto;
}
table {
  width: 100%;
  border-collapse: collapse;
  text-align: start;
}
caption {
  padding-bottom: 0.25rem;
  text-align: start;
  font-weight: 600;
}
th {
  color: #a3b0bc;
  font-weight: 400;
  text-align: start;
}
th,
td {
  padding: 0.25rem 0.75rem 0.25rem 0;
  border-bottom: 1px solid #2a323a;
  vertical-align: top;
  overflow-wrap: anywhere;
  font-variant-numeric: tabular-nums;
}
code {
  color: #a3b0bc;
  font: 0.75rem ui-monospace, "Liberation Mono", monospace;
  white-space: nowrap;
}
.calm {
  color: #86e0b0;
}
.busy {
  color: #ffcf70;
}
.alarming {
  color: #ff9d94;
}
`;
