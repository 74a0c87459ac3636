import type { Dashboard, Operator } from "../../dashboard/options.ts";

/** One operator with each kind of permission. */
export const operators = {
  operator: { name: "Olga" },
  reader: { name: "Rita", mayReadTyped: true },
  ender: { name: "Enno", mayEndSignIns: true },
  decider: { name: "Dana", mayDecideFaults: true },
} satisfies Record<string, Operator>;

/** Whom `authorize` of the tests' dashboard finds: nobody for null. */
type Asking = Operator | "throws" | null;

/** The address of the dashboard. */
export const base = "https://bank.example/operators/dashboard";

/** The headers by which `authorize` knows an operator. */
export const headersOf = (operator: Asking): Record<string, string> =>
  operator === null ? {} : { "x-operator": operator === "throws" ? operator : JSON.stringify(operator) };

/** Requests of operators to a dashboard of `openDashboard`. */
export function requestsOf(dashboard: () => Dashboard) {
  return {
    get: (query: string, operator: Asking, headers: Record<string, string> = {}) =>
      dashboard().fetch(new Request(`${base}${query}`, { headers: { ...headersOf(operator), ...headers } })),
    post: (
      query: string,
      operator: Asking,
      form: Record<string, string>,
      headers: Record<string, string> = { "sec-fetch-site": "same-origin" },
    ) => {
      const body = new URLSearchParams(form);
      return dashboard().fetch(
        new Request(`${base}${query}`, { method: "POST", body, headers: { ...headersOf(operator), ...headers } }),
      );
    },
  };
}
