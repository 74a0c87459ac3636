import type { Clock } from "./clock.ts";
import { hosts } from "./hosts.ts";
import { Tab } from "./browser/tab.ts";

/**
 * Gives timers and a browser's globals to whoever runs: those of the simulated clock, and of the tab whose code it is.
 * Returns what puts the real ones back.
 */
export function installGlobals(clock: Clock, diskLatencyMs: () => number): () => void {
  const later = (ms: number, run: () => void) => {
    const host = hosts.getStore();
    return clock.after(ms, () => (host ? host.run(run) : run()));
  };
  class Timer {
    readonly cancel: () => void;
    constructor(ms: number, run: () => void) {
      this.cancel = later(ms, run);
    }
    unref(): this {
      return this;
    }
  }
  const browser = () => {
    const host = hosts.getStore();
    return host instanceof Tab ? host.browser : undefined;
  };

  const replaced: PropertyDescriptorMap = {
    setTimeout: { value: (run: () => void, ms = 0) => new Timer(ms, run) },
    clearTimeout: { value: (timer: unknown) => timer instanceof Timer && timer.cancel() },
    // IndexedDB's own tasks: the disk outlives the tab that asked it for something.
    setImmediate: {
      value(run: () => void) {
        const host = hosts.getStore();
        const disk = host instanceof Tab ? host.device.disk : undefined;
        clock.after(diskLatencyMs(), () => (disk ? disk.run(run) : run()));
      },
    },
    indexedDB: { get: () => browser()?.indexedDB },
    BroadcastChannel: { get: () => browser()?.BroadcastChannel },
    navigator: { get: () => browser()?.navigator },
    document: { get: () => browser()?.document },
    location: { get: () => browser()?.location },
    addEventListener: { get: () => browser()?.window.addEventListener.bind(browser()!.window) },
    removeEventListener: { get: () => browser()?.window.removeEventListener.bind(browser()!.window) },
  };
  const real = Object.keys(replaced).map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const);
  for (const [name, descriptor] of Object.entries(replaced)) {
    Object.defineProperty(globalThis, name, {
      configurable: true,
      ...descriptor,
      ...("value" in descriptor && { writable: true }),
    });
  }
  return () => {
    for (const [name, descriptor] of real) {
      if (descriptor) Object.defineProperty(globalThis, name, descriptor);
      else Reflect.deleteProperty(globalThis, name);
    }
  };
}
