/** How a device's connection is. Shares are from 0 to 1. */
export interface NetworkConditions {
  readonly away: boolean;
  readonly requestsLost: number;
  readonly repliesLost: number;
  readonly duplicated: number;
  readonly slowestMs: number;
}

export const goodConnection: NetworkConditions = {
  away: false,
  requestsLost: 0,
  repliesLost: 0,
  duplicated: 0,
  slowestMs: 60,
};
