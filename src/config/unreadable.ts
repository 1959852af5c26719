import { UnfitFileError } from "./read_plain_file.ts";

/** Why a file cannot be read, in words that hold nothing of it. */
export function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such file";
  if (error instanceof Deno.errors.PermissionDenied) return "permission denied";
  if (error instanceof Deno.errors.IsADirectory) return "it is a folder";
  if (error instanceof UnfitFileError) return error.message;
  if (error instanceof Deno.errors.InvalidData || error instanceof TypeError) return "it is not UTF-8 text";
  return error instanceof Error ? error.name : "unknown reason";
}
