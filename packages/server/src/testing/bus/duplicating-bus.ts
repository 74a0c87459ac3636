import type { Bus, BusListener, Notice } from "../../index.ts";
import type { Random } from "../random.ts";

/** A bus that sends many notices twice, some of them late and out of order. */
export function duplicatingBus(bus: Bus, random: Random): Bus {
  const late: Notice[] = [];
  const listening = ({ onNotices, onListeningChange }: BusListener): BusListener => ({
    onListeningChange,
    onNotices(notices) {
      if (random.next() < 0.5) late.push(...notices);
      onNotices([...notices, ...notices.toReversed()]);
      if (late.length > 0 && random.next() < 0.3) onNotices(late.splice(0).toReversed());
    },
  });
  return {
    open: (listener) => bus.open(listening(listener)),
    publish: (notice) => {
      bus.publish(notice);
      if (random.next() < 0.3) bus.publish(notice);
    },
  };
}
