import { z } from "zod";
import { roles } from "../../policy/roles.ts";

/** A time in an answer. */
export const time = () => z.string().meta({ format: "date-time", description: "ISO 8601, UTC, six fraction digits" });
/** A time in an answer that may not have come yet. */
export const timeOrNull = () => time().nullable();
/** A number of things in an answer. */
export const counter = () => z.int().min(0);
/** A number in parameters; also as text, which is what a query string holds. */
export const count = (low: number, high: number, preset: number) =>
  z.coerce.number().int().min(low).max(high).default(preset);
/** A name of a user, at most 64 characters. */
export const userName = () => z.string().min(1).max(64);
/** What nobody else may see: never in an answer, a log or the audit. */
export const secret = (description: string) => z.string().min(1).max(1024).meta({ description, format: "password" });
export const role = () => z.enum(roles);
export const label = () => z.string().trim().min(1).max(64).describe("What it is for, for people");
export const tagIdText = () => z.string().min(3).max(256).describe("Id of a tag: <DevEUI>/<metric>");
export const days = () => z.number().gt(0).max(3650).nullable().describe("Days from now; null: until revoked");
/** Nothing. */
export const nothing = z.strictObject({});
