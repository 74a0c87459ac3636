import { html, type Html, type HtmlValue } from "./html.ts";
import { addressOf } from "./link.ts";

/** The pages of the navigation, by their view. */
const places: readonly (readonly [view: string, title: string])[] = [
  ["overview", "Overview"],
  ["flows", "Flows"],
  ["sign-ins", "Sign-ins"],
  ["projections", "Projections"],
  ["storage", "Storage"],
  ["health", "Health"],
  ["audit", "Audit"],
];

export interface Page {
  readonly title: string;
  readonly content: HtmlValue;
}

/** A whole document. `view` is the page of the navigation that it belongs to. */
export function documentOf(
  { title, content }: Page,
  { view, operator }: { readonly view: string; readonly operator: string },
): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="robots" content="noindex" />
        <title>${title} · Sessions</title>
        <link rel="stylesheet" href="${addressOf("style")}" />
      </head>
      <body>
        <a class="skip" href="#content">Skip to the content</a>
        <header>
          <p class="brand">Sessions</p>
          <nav aria-label="Pages">
            <ul>
              ${places.map(
                ([place, name]) =>
                  html`<li>
                    <a href="${addressOf(place)}" ${place === view && html` aria-current="page"`}>${name}</a>
                  </li>`,
              )}
            </ul>
          </nav>
          <p class="operator">Operator: <bdi>${operator}</bdi></p>
        </header>
        <main id="content" tabindex="-1">
          <h1>${title}</h1>
          ${content}
        </main>
      </body>
    </html> `;
}
