/** The style sheet of all pages. Colours come from the reader's own scheme. */
export const style = `
:root {
  color-scheme: light dark;
  --text: light-dark(#1b1f24, #e6e9ee);
  --quiet: light-dark(#4f5965, #a9b3bf);
  --ground: light-dark(#ffffff, #14171b);
  --raised: light-dark(#f3f5f8, #1e2329);
  --pale: light-dark(#8390a0, #66727f);
  --line: light-dark(#c9d0d9, #3a424c);
  --accent: light-dark(#0b57b0, #82b6ff);
  --bad: light-dark(#a1161f, #ff9a9a);
  --good: light-dark(#14692f, #7fd99a);
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 1rem/1.5 system-ui, sans-serif; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
main:focus { outline: none; }
.skip { position: absolute; left: -100vw; padding: 0.5rem 1rem; background: var(--ground); }
.skip:focus { left: 0; top: 0; z-index: 1; }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0.25rem 1.5rem; padding: 0.75rem 1.25rem; border-bottom: 1px solid var(--line); background: var(--raised); }
.brand { margin: 0; font-weight: 700; }
nav { flex: 1 1 auto; }
nav ul { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; margin: 0; padding: 0; list-style: none; }
nav a { display: inline-block; padding: 0.15rem 0; text-decoration: none; border-bottom: 2px solid transparent; }
nav a:hover { border-bottom-color: var(--line); }
nav a[aria-current] { color: var(--text); font-weight: 600; border-bottom-color: var(--accent); }
.operator { margin: 0; color: var(--quiet); overflow-wrap: anywhere; }
main { max-width: 75rem; margin: 0 auto; padding: 1.25rem; }
h1 { margin: 0 0 1rem; font-size: 1.5rem; line-height: 1.25; overflow-wrap: anywhere; }
h2 { margin: 2rem 0 0.75rem; font-size: 1.15rem; }
p, li { max-width: 70ch; }
small { color: var(--quiet); font-size: 0.85rem; }
.age, .empty, .note { color: var(--quiet); }
.bad { color: var(--bad); font-weight: 600; }
.good { color: var(--good); font-weight: 600; }
bdi, .id { overflow-wrap: anywhere; }
.id { font-family: ui-monospace, monospace; font-size: 0.9em; }
.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(15rem, 45%), 1fr)); gap: 0.75rem; margin: 0 0 1rem; }
.facts > div { padding: 0.75rem 1rem; border: 1px solid var(--line); border-radius: 0.5rem; background: var(--raised); }
.facts dt { color: var(--quiet); font-size: 0.9rem; }
.facts dd { margin: 0.15rem 0 0; overflow-wrap: anywhere; }
.facts dd > span { font-size: 1.35rem; font-weight: 600; font-variant-numeric: tabular-nums; }
.facts small { display: block; }
.facts time { white-space: normal; }
.scroll { overflow-x: auto; margin: 0 0 1.25rem; }
table { border-collapse: collapse; min-width: min(100%, 32rem); font-size: 0.95rem; }
caption { padding: 0 0 0.4rem; text-align: left; font-weight: 600; }
th, td { padding: 0.4rem 0.9rem 0.4rem 0; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { color: var(--quiet); font-weight: 500; vertical-align: bottom; }
tbody th { font-weight: 500; white-space: nowrap; }
td bdi, th bdi { display: inline-block; max-width: 20rem; overflow-wrap: break-word; white-space: normal; vertical-align: top; }
a bdi { text-decoration: underline; }
td .id, th .id { max-width: none; white-space: nowrap; }
td.number + td:not(.number), th.number + th:not(.number) { padding-left: 1rem; }
th.number, td.number { text-align: right; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
time { white-space: nowrap; font-variant-numeric: tabular-nums; }
.plot { margin: 0 0 1rem; max-width: 40rem; }
.plot svg { display: block; width: 100%; height: auto; }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 0 2rem; }
.bar { fill: var(--accent); }
.bar.whole { fill: var(--pale); }
.axis { stroke: var(--line); }
.label, .most { fill: var(--quiet); font-size: 12px; }
.plot figcaption { font-weight: 600; }
.plot figcaption small { display: block; font-weight: 400; }
details { margin: 0 0 1rem; }
details .scroll { margin-top: 0.5rem; }
summary { width: fit-content; cursor: pointer; color: var(--accent); }
form.row { display: flex; flex-wrap: wrap; align-items: end; gap: 0.5rem; margin: 0 0 1rem; }
form.row > span { align-self: center; }
label { display: block; flex: 1 1 18rem; max-width: 32rem; color: var(--quiet); font-size: 0.9rem; }
input, textarea { display: block; width: 100%; padding: 0.45rem 0.6rem; border: 1px solid var(--quiet); border-radius: 0.35rem; background: var(--ground); color: var(--text); font: inherit; }
button { padding: 0.45rem 1rem; border: 1px solid var(--accent); border-radius: 0.35rem; background: var(--ground); color: var(--accent); font: inherit; font-weight: 600; cursor: pointer; }
button.danger { border-color: var(--bad); color: var(--bad); }
pre { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; font: 0.9rem/1.45 ui-monospace, monospace; }
.notice { padding: 0.75rem 1rem; border-left: 4px solid var(--accent); background: var(--raised); }
@media (max-width: 40rem) {
  main, header { padding-inline: 1rem; }
  .label, .most { font-size: 18px; }
  .second { display: none; }
  table { width: max-content; }
  caption { position: sticky; left: 0; max-width: calc(100vw - 2rem); }
  table:not(:has(th .id)) tr > :first-child { position: sticky; left: 0; background: var(--ground); }
  td pre { max-width: 70vw; }
}
`;
