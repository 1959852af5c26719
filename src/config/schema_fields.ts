import { z } from "zod";
import { isHost } from "./address.ts";

/** A name for people: a device, an application, the gateway. */
export const label = (max = 64) =>
  z.string().min(1).max(max).refine(
    (text) => !text.includes("$"),
    "must not contain '$', which marks the gateway's own names",
  );
/** A name that becomes part of a TagId and so of NodeIds and URLs. */
export const name = (max = 64) =>
  label(max).refine((text) => !text.includes("/"), "must not contain '/', which separates device and metric");
/** A time in seconds, from `low` to `high`. */
export const seconds = (low: number, high: number, preset: number) => z.number().min(low).max(high).default(preset);
/** A whole number from `low` to `high`. */
export const count = (low: number, high: number, preset: number) => z.int().min(low).max(high).default(preset);
/** An IP address or a host name. */
export const host = z.string().max(253).refine(isHost, "must be an IP address or a host name, without scheme and port")
  .meta({ expected: "an IP address or a host name" });
/** A port, never 0. */
export const port = (preset: number) => z.int().min(1).max(65535).default(preset);
