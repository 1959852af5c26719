/** One block of a PEM text (RFC 7468). */
export interface PemBlock {
  /** As `CERTIFICATE` or `EC PRIVATE KEY`. */
  readonly label: string;
  /** The block alone, lines of its own, ending with a line end. */
  readonly text: string;
  /** Header lines as of RFC 1421 stand between label and data; they mark encrypted keys of the old form. */
  readonly hasHeaders: boolean;
}

/** Longest text that is looked through, characters: a chain of certificates has a few thousand. */
const LONGEST_TEXT = 1_048_576;

/** The blocks of a PEM text in their order. Text around them is skipped, as the standard allows; never throws. */
export function pemBlocks(text: string): PemBlock[] {
  if (text.length > LONGEST_TEXT) return [];
  const blocks: PemBlock[] = [];
  let open: { readonly label: string; readonly lines: string[] } | null = null;
  for (const line of text.split(/\r\n|\r|\n/)) {
    const begin = /^-----BEGIN ([A-Z0-9 ]{1,64})-----\s*$/.exec(line);
    if (begin !== null) {
      open = { label: begin[1] ?? "", lines: [] };
      continue;
    }
    if (open === null) continue;
    if (!line.startsWith("-----END ")) {
      open.lines.push(line.trim());
      continue;
    }
    const { label, lines } = open;
    open = null;
    if (line.trimEnd() !== `-----END ${label}-----`) continue;
    const filled = lines.filter((part) => part !== "");
    blocks.push({
      label,
      text: [`-----BEGIN ${label}-----`, ...filled, `-----END ${label}-----`, ""].join("\n"),
      hasHeaders: filled.some((part) => part.includes(":")),
    });
  }
  return blocks;
}
