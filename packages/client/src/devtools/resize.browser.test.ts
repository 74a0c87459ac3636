import { beforeEach, expect, test, vi } from "vitest";
import { page, userEvent } from "vitest/browser";
import { opened, panel } from "./testing/panel.ts";

beforeEach(() => page.viewport(1280, 800));

test("the panel is made larger and smaller by dragging its edges and with the arrow keys, within the window", async () => {
  opened();
  const size = () => panel.element().getBoundingClientRect();
  const edge = (name: string) => panel.getByRole("separator", { name }).element() as HTMLElement;
  const { height, width } = size();

  edge("Height of the devtools").focus();
  await userEvent.keyboard("{ArrowUp}{ArrowUp}");
  expect(size().height).toBeCloseTo(height + 80, 0);
  expect(edge("Height of the devtools").ariaValueNow).toBe(String(Math.round(height + 80)));
  await userEvent.keyboard("{End}");
  expect(size().height).toBe(innerHeight);
  await userEvent.keyboard("{Home}");
  expect(size().height).toBe(160);

  edge("Width of the devtools").focus();
  await userEvent.keyboard("{ArrowRight}");
  expect(size().width).toBeCloseTo(width - 40, 0);
  const at = { bubbles: true, pointerId: 1, clientX: 600, clientY: 400 };
  const held = vi.spyOn(HTMLElement.prototype, "setPointerCapture").mockReturnValue();
  edge("Width of the devtools").dispatchEvent(new PointerEvent("pointerdown", at));
  edge("Width of the devtools").dispatchEvent(new PointerEvent("pointermove", { ...at, clientX: 550 }));
  held.mockRestore();
  expect(size().width).toBeCloseTo(width + 10, 0);

  await userEvent.keyboard("{Escape}");
  expect(size().height).toBeLessThan(60);
});
