import { afterEach, vi } from "vitest";

// Files share a process, so the fake timers of one would stop the timers of the next.
afterEach(() => void vi.useRealTimers());
