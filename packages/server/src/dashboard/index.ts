export { createDashboard } from "./create-dashboard.ts";
export type { Authorize, Dashboard, DashboardOptions, Operator } from "./options.ts";
