import { html, type Html, type HtmlValue } from "./html.ts";

/** What a link says after its `view`. Nothing is written for null. */
export type LinkParameters = Readonly<Record<string, string | number | null>>;

/** An address of the dashboard. It is a query alone, so it is right wherever the dashboard is mounted. */
export function addressOf(view: string, parameters: LinkParameters = {}): string {
  const query = new URLSearchParams({ view });
  for (const [name, value] of Object.entries(parameters)) if (value !== null) query.set(name, String(value));
  return `?${query}`;
}

export function link(text: HtmlValue, view: string, parameters?: LinkParameters): Html {
  return html`<a href="${addressOf(view, parameters)}">${text}</a>`;
}

/** The link to the next page of a list, if there is one. */
export function nextLink(next: string | null, view: string, parameters: LinkParameters): HtmlValue {
  return next !== null && html`<p>${link("Next page", view, { ...parameters, after: next })}</p>`;
}

/** A name that somebody else chose. Its direction changes nothing around it. */
export function name(text: string): Html {
  return html`<bdi>${text}</bdi>`;
}

export function ownerLink(owner: string): Html {
  return link(name(owner), "owner", { owner });
}

export function sessionLink(id: string): Html {
  return html`<a class="id" href="${addressOf("session", { id })}">${id}</a>`;
}
