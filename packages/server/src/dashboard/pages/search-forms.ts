import { html, type Html } from "../html/html.ts";

/** Looks for one session or one owner, by its id. */
export function searchForms(): Html {
  return html`<section aria-label="Search">
    <form class="row" method="get">
      <input type="hidden" name="view" value="session" />
      <label>A session's id <input name="id" required autocomplete="off" spellcheck="false" maxlength="36" /></label>
      <button>Find the session</button>
    </form>
    <form class="row" method="get">
      <input type="hidden" name="view" value="owner" />
      <label>An owner's id <input name="owner" required autocomplete="off" spellcheck="false" maxlength="200" /></label>
      <button>Find the owner</button>
    </form>
  </section>`;
}
