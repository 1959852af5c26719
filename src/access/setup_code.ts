import { chmodSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { getLogger } from "@logtape/logtape";
import { makeCode, normaliseCode } from "./codes.ts";
import { sameSecret } from "./same_secret.ts";

const log = getLogger(["edgekeep", "access"]);

const NAME = "setup-code";
const codePattern = /^[2-9A-HJ-NP-Z]{4}(?:-[2-9A-HJ-NP-Z]{4}){2}$/;

/**
 * The code of 12 characters with which whoever installs the gateway makes the first admin. It stands in a file that only
 * the gateway's own user reads, and once in the log; it survives restarts and dies with the first credential.
 */
export class SetupCode {
  readonly #path: string;
  readonly #code: string;

  /** Takes the code that is in the folder, or makes one. A disk that refuses leaves it in the log alone. */
  constructor(folder: string, random: (bytes: number) => Uint8Array) {
    this.#path = join(folder, NAME);
    const kept = read(this.#path);
    this.#code = kept ?? makeCode(3, random);
    if (kept === null) write(this.#path, this.#code);
    log.warning("Not set up: make the first admin on the web page with the code {code}, kept in {path}", {
      event: "setup_code",
      code: this.#code,
      path: this.#path,
    });
  }

  /** Whether somebody typed this code. Takes the same time for every text. */
  fits(text: string): boolean {
    return sameSecret(normaliseCode(text), normaliseCode(this.#code));
  }

  /** Ends the code: its file is removed. */
  remove(): void {
    removeSetupCode(this.#path);
  }
}

/** Removes the file of a code that may be there from earlier. */
export function removeStaleSetupCode(folder: string): void {
  removeSetupCode(join(folder, NAME));
}

function removeSetupCode(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch (error) {
    // harmless: the code is asked for only while nobody can get in
    log.warning("Cannot remove {path}: {reason}", {
      event: "setup_code_left",
      path,
      reason: error instanceof Error ? error.message : String(error),
    });
  }
}

/** The code in the file; `null` when there is none, or others could have read it. */
function read(path: string): string | null {
  try {
    if ((statSync(path).mode & 0o077) !== 0) return null;
    const text = readFileSync(path, "utf8").trim();
    return codePattern.test(text) ? text : null;
  } catch {
    return null;
  }
}

function write(path: string, code: string): void {
  try {
    const draft = `${path}.new`;
    rmSync(draft, { force: true });
    writeFileSync(draft, `${code}\n`, { mode: 0o600, flag: "wx" });
    chmodSync(draft, 0o600);
    renameSync(draft, path);
  } catch (error) {
    log.warning("Cannot keep the set-up code in {path}: {reason}", {
      event: "setup_code_unkept",
      path,
      reason: error instanceof Error ? error.message : String(error),
    });
  }
}
