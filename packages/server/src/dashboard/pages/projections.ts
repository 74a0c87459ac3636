import { ageNote, table } from "../html/elements.ts";
import { formatNumber, moment } from "../html/format.ts";
import { html } from "../html/html.ts";
import { name } from "../html/link.ts";
import { listFeeds } from "../rows/projections.ts";
import { presentTables, type Answer, type PageContext, type PageRequest } from "./page-context.ts";

const LISTED = 200;

/** How far the projections are. */
export async function projections(context: PageContext, _request: PageRequest): Promise<Answer> {
  if (!(await presentTables(context)).has("projection_feed")) {
    return { title: "Projections", content: html`<p>No projection runs: the schema has no tables of projections.</p>` };
  }
  const { value, atMs } = await context.readings.get("projections", () => listFeeds(context, LISTED));
  return {
    title: "Projections",
    content: [
      ageNote(context.now() - atMs),
      table({
        caption: "Projections and their builds",
        columns: ["Projection", "Build", "Bucket", "State", "Rebuilt", "Applied last", "Worked on"],
        rows: value.map(({ projection, build, bucket, isLive, isScanning, done, total, appliedMs, isHeld }) => [
          name(projection),
          build,
          bucket,
          isLive ? "live" : "beside the live one",
          isScanning ? `${formatNumber(done)} of about ${formatNumber(total)}` : "",
          moment(appliedMs),
          isHeld ? "by a node" : html`<strong class="bad">by nobody</strong>`,
        ]),
        empty: "none has begun.",
      }),
    ],
  };
}
