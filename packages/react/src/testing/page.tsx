import type { SessionsClient } from "@sessions/client";
import { StrictMode, type ReactNode } from "react";
import { createRoot, type Root } from "react-dom/client";
import { afterEach } from "vitest";
import { SessionsProvider } from "../index.ts";

const roots = new Set<Root>();

afterEach(() => {
  for (const root of roots) root.unmount();
  roots.clear();
  document.body.replaceChildren();
});

/** An element of the page. It is removed after the test. */
export function container(html = ""): HTMLElement {
  const element = document.createElement("div");
  element.innerHTML = html;
  document.body.append(element);
  return element;
}

/** Unmounts a root after the test. */
export function unmountAfterTest(root: Root): Root {
  roots.add(root);
  return root;
}

/** Renders as an application in development does. */
export function render(sessions: SessionsClient, children: ReactNode): HTMLElement {
  const element = container();
  unmountAfterTest(createRoot(element)).render(
    <StrictMode>
      <SessionsProvider sessions={sessions}>{children}</SessionsProvider>
    </StrictMode>,
  );
  return element;
}

/** Types as a person does: the text replaces the value of an input. */
export function type(input: HTMLInputElement, text: string): void {
  // React replaces the element's own setter. The prototype's setter bypasses it, as typing does.
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value")!.set!.call(input, text);
  input.dispatchEvent(new Event("input", { bubbles: true }));
}
