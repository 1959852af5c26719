import { removeTomlKey, setTomlKey, TomlEditError } from "../config/edit_toml.ts";
import type { Finding } from "../config/finding.ts";
import { parseKeyPath } from "../config/key_path.ts";
import { MaskError, type SecretMask } from "../config/secret_mask.ts";
import { MAX_TOML_DEPTH, nestsDeeper } from "../config/toml_depth.ts";
import type { ConfigProposal } from "./role_protocol.ts";

/** A change that ended before it could change anything. */
export class RefusedChange extends Error {
  override readonly name = "RefusedChange";

  constructor(
    readonly reason: "validation" | "io" | "conflict",
    message: string,
    readonly findings: readonly Finding[] = [],
  ) {
    super(message);
  }
}

/**
 * The text that a proposal asks for, with the secrets that its masks stand for.
 *
 * @param disk what stands in the file now
 * @throws {RefusedChange} `validation` for a key or value that cannot be set, or a mask that cannot be put back
 */
export function proposedText(proposal: ConfigProposal, disk: string, file: string, mask: SecretMask): string {
  let path = "";
  try {
    let text = proposal.text ?? disk;
    for (const [key, value] of Object.entries(proposal.set ?? {})) {
      path = key;
      const at = parseKeyPath(key);
      if (at === null) throw new TomlEditError(`Cannot read '${key}' as a key, such as runtime.web.listen`);
      if (at.length > MAX_TOML_DEPTH || nestsDeeper(value ?? "")) throw tooDeep();
      text = value === null ? removeTomlKey(text, at) : setTomlKey(text, at, value);
    }
    if (nestsDeeper(text)) throw tooDeep();
    return mask.unmask(text);
  } catch (error) {
    if (!(error instanceof TomlEditError) && !(error instanceof MaskError)) throw error;
    const { message: text } = error;
    const fix = "Take the configuration as it is now, and change that";
    throw new RefusedChange("validation", text, [
      { rule: "config_edit", severity: "error", path, line: null, file, text, fix },
    ]);
  }
}

function tooDeep(): TomlEditError {
  return new TomlEditError(`Cannot take the text as it nests deeper than ${MAX_TOML_DEPTH} levels`);
}
