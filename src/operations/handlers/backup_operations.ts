import { formatTime } from "../../telemetry/time_text.ts";
import { answers } from "../define.ts";
import type { Operation } from "../operation.ts";
import type { OperationParts } from "../operation_parts.ts";

/** Copies of the history. */
export function backupOperations({ backups }: Pick<OperationParts, "backups">): Operation[] {
  return [
    answers("backup.create", async (_, { note }) => {
      const { file, bytes } = await backups.create();
      note("file", file);
      return { file, bytes };
    }),
    answers("backup.list", async () => ({
      backups: (await backups.list()).map(({ file, bytes, createdUs }) => ({
        file,
        bytes,
        created: formatTime(createdUs),
      })),
    })),
  ];
}
