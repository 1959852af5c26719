import { z } from "zod";
import { commandStates } from "../../commands/commands.ts";
import { count, time } from "./fields.ts";

const device = () => z.string().min(1).max(64).describe("DevEUI");
const commandName = () => z.string().min(1).max(64).describe("Name of the command, or its number");
const id = () => z.string().min(1).max(64).describe("Id of a command that was sent");
const scalar = () => z.union([z.boolean(), z.number(), z.string().max(1024)]);

const command = z.object({
  id: z.string(),
  sequence: z.int().min(1).describe("Order in which they were sent, over all devices"),
  device: z.string(),
  command: z.string(),
  args: z.record(z.string(), scalar()),
  state: z.enum(commandStates),
  ended: z.boolean().describe("Nothing more comes: an unconfirmed command ends when it was transmitted"),
  detail: z.string().nullable().describe("Why it is so; null where the state says it"),
  confirmed: z.boolean(),
  fPort: z.int().min(1).max(223),
  payload: z.string().nullable().describe("In hexadecimal; null for an object that ChirpStack encodes"),
  by: z.string().describe("Who sent it"),
  queueItem: z.string().nullable().describe("Id in ChirpStack's queue"),
  created: time(),
  updated: time(),
  deadline: time(),
});

const argument = z.object({
  name: z.string(),
  type: z.enum(["Bool", "Int", "Float", "String"]),
  min: z.number().nullable(),
  max: z.number().nullable(),
  values: z.array(z.union([z.number(), z.string()])).nullable(),
  unit: z.string(),
});

const definition = z.object({
  device: z.string(),
  deviceName: z.string(),
  id: z.int().min(0),
  name: z.string(),
  fPort: z.int().min(1).max(223),
  confirmed: z.boolean(),
  payload: z.enum(["bytes", "object", "byte", "valve"]),
  arguments: z.array(argument),
  deadlineSeconds: z.number(),
  enabled: z.boolean(),
  newest: command.nullable().describe("The newest that was sent"),
});

/** Downlinks: what can be sent, what was sent and what became of it. */
export const commandSchemas = {
  "commands.definitions": {
    params: z.strictObject({
      device: device().optional(),
      limit: count(1, 1000, 200),
      cursor: z.string().max(256).optional().describe("next of the page before"),
    }),
    result: z.object({
      items: z.array(definition),
      next: z.string().nullable().describe("Pass as cursor for what follows; null: nothing does"),
    }),
  },
  "commands.list": {
    params: z.strictObject({
      device: device().optional(),
      command: commandName().optional(),
      which: z.enum(["all", "open", "ended"]).default("all"),
      limit: count(1, 1000, 100),
      before: z.coerce.number().int().min(1).optional().describe("next of the page before"),
    }),
    result: z.object({
      items: z.array(command).describe("The newest first"),
      next: z.int().nullable().describe("Pass as before for older ones; null: there are none"),
    }),
  },
  "commands.get": {
    params: z.strictObject({ id: id() }),
    result: command.extend({
      steps: z.array(z.object({ state: z.enum(commandStates), time: time(), detail: z.string().nullable() })),
    }),
  },
  "commands.send": {
    params: z.strictObject({
      device: device(),
      command: z.union([commandName(), z.int().min(0).max(65_535)]),
      args: z.union([scalar(), z.record(z.string().max(64), scalar())]).default({}).describe(
        "Values by name; or one value, for a command with one argument",
      ),
      key: z.string().min(1).max(128).optional().describe(
        "The same key of the same sender for the same device within a day gives the same command, sent once",
      ),
    }),
    result: command.extend({ repeated: z.boolean().describe("The key was given before; nothing was sent again") }),
  },
  "commands.cancel": { params: z.strictObject({ id: id() }), result: command },
} as const;
