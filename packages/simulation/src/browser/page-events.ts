/** The cookies of a site, by their names. */
export type Cookies = Map<string, string>;

/** The parts of a document that the client uses. */
class PageDocument extends EventTarget {
  hidden = false;
  readonly #cookies: Cookies;

  constructor(cookies: Cookies) {
    super();
    this.#cookies = cookies;
  }

  get cookie(): string {
    return [...this.#cookies].map(([name, value]) => `${name}=${value}`).join("; ");
  }

  set cookie(text: string) {
    const [pair = "", ...attributes] = text.split(";");
    const [name = "", value = ""] = pair.split("=");
    if (attributes.includes("max-age=0")) this.#cookies.delete(name);
    else this.#cookies.set(name, value);
  }
}

/** The events that a browser sends to a page. */
export class PageEvents {
  readonly document: PageDocument;
  readonly window = new EventTarget();
  readonly location = { protocol: "https:" };

  constructor(cookies: Cookies) {
    this.document = new PageDocument(cookies);
  }

  /** Another tab or application covers it, or nothing does any more. */
  show(isShown: boolean): void {
    this.document.hidden = !isShown;
    this.document.dispatchEvent(new Event("visibilitychange"));
  }

  /** The browser stops it in the background, and wakes it when the person comes back. */
  freeze(): void {
    this.show(false);
    this.document.dispatchEvent(new Event("freeze"));
  }

  resume(): void {
    this.document.dispatchEvent(new Event("resume"));
    this.show(true);
  }

  /** The person goes to another page, and the browser keeps this one for the back button. */
  hide(): void {
    this.window.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: true }));
    this.show(false);
  }

  comeBack(): void {
    this.show(true);
    this.window.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
  }

  connect(isOnline: boolean): void {
    this.window.dispatchEvent(new Event(isOnline ? "online" : "offline"));
  }
}
