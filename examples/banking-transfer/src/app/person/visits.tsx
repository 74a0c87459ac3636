import type { inferRouterOutputs } from "@trpc/server";
import { useEffect, useState } from "react";
import type { AppRouter } from "../../server/router.ts";
import { dateAndTime } from "../text/moment.ts";
import { bank } from "./bank.ts";

type Visit = inferRouterOutputs<AppRouter>["visits"][number];

/** When the person was here lately, on any device. */
export function Visits() {
  const [visits, setVisits] = useState<readonly Visit[]>([]);
  useEffect(() => {
    let left = false;
    bank.visits.query().then(
      (found) => left || setVisits(found),
      // The list above says that the bank does not answer.
      () => {},
    );
    return () => {
      left = true;
    };
  }, []);
  if (visits.length === 0) return null;
  return (
    <section className="visits" aria-labelledby="visits">
      <h2 id="visits">Your latest visits</h2>
      <p className="hint">On all your devices. A visit ends when nothing happens for half an hour.</p>
      <table>
        <thead>
          <tr>
            <th scope="col">Begun</th>
            <th scope="col">Lasted</th>
            <th scope="col" className="figure">
              Pages
            </th>
            <th scope="col" className="figure">
              Balance viewed
            </th>
          </tr>
        </thead>
        <tbody>
          {visits.map(({ begun, minutes, pages, balances, now }) => (
            <tr key={begun}>
              <th scope="row">{dateAndTime(begun)}</th>
              <td>{now ? "until now" : minutes === 0 ? "under a minute" : `${minutes} min`}</td>
              <td className="figure">{pages}</td>
              <td className="figure">{balances}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
