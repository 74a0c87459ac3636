import type { Clock } from "./clock.ts";
import { currentProcess } from "./simulated-process.ts";
import { Tab } from "./browser/tab.ts";

/**
 * Replaces timers by those of the simulated clock, and the browser's globals by those of the tab whose code runs. Returns
 * a function that puts the real ones back.
 */
export function installGlobals(clock: Clock, diskLatencyMs: () => number): () => void {
  const later = (ms: number, run: () => void) => {
    const process = currentProcess.getStore();
    return clock.after(ms, () => (process ? process.run(run) : run()));
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
    const process = currentProcess.getStore();
    return process instanceof Tab ? process.browser : undefined;
  };

  const replaced: PropertyDescriptorMap = {
    setTimeout: { value: (run: () => void, ms = 0) => new Timer(ms, run) },
    clearTimeout: { value: (timer: unknown) => timer instanceof Timer && timer.cancel() },
    // The tasks of IndexedDB: the disk finishes them although their tab has crashed.
    setImmediate: {
      value(run: () => void) {
        const process = currentProcess.getStore();
        const disk = process instanceof Tab ? process.device.disk : undefined;
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
