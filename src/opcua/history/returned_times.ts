import { TimestampsToReturn } from "node-opcua";

/**
 * The two times of a computed value; 0 stands for one that was not asked for. Nothing was received at that time, so both
 * are the same.
 */
export function timesOf(timeUs: number, timestamps: TimestampsToReturn): { sourceUs: number; serverUs: number } {
  return {
    sourceUs: timestamps === TimestampsToReturn.Server ? 0 : timeUs,
    serverUs: timestamps === TimestampsToReturn.Source ? 0 : timeUs,
  };
}
