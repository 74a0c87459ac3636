import type { FeedSource } from "../../projections/source.ts";
import type { FedEvent } from "../rows/events.ts";

/** The stored events, as a source of projections. */
export const activityEvents: FeedSource<FedEvent> = {
  name: "activity",
  table: "activity_event",
  stream: "owner_id",
  number: null,
  at: "received_at",
  key: { owner_id: "text", at: "timestamptz", id: "uuid" },
  body: `json_build_object(
    'id', event.id, 'name', event.name, 'data', event.data,
    'atMs', round(extract(epoch from event.at) * 1000)::bigint,
    'isCounted', event.counted,
    'receivedMs', round(extract(epoch from event.received_at) * 1000)::bigint)::text`,
  // The expression above made the text.
  read: ({ owner, body }) => ({ owner, ...(JSON.parse(body) as Omit<FedEvent, "owner">) }),
};
