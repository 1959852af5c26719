/** A piece of a text in an object template: plain text, or the name of an argument. */
export type TextPiece = { readonly text: string } | { readonly argument: string };

/** An object template that cannot be read. */
export class ObjectTemplateError extends Error {
  override readonly name = "ObjectTemplateError";
}

/**
 * Reads a text of an object template: `{name}` stands for an argument, `{{` and `}}` for braces.
 *
 * @throws {ObjectTemplateError} for a brace that is not closed or not doubled
 */
export function parseTemplateText(text: string): readonly TextPiece[] {
  const pieces: TextPiece[] = [];
  let plain = "";
  const token = /\{\{|\}\}|\{([^{}]+)\}|[^{}]+/y;
  while (token.lastIndex < text.length) {
    const found = token.exec(text);
    if (found === null) {
      throw new ObjectTemplateError(
        `Cannot read '${text.slice(0, 64)}': {name} stands for an argument, {{ for a brace`,
      );
    }
    const [whole, argument] = found;
    if (argument === undefined) plain += whole === "{{" ? "{" : whole === "}}" ? "}" : whole;
    else {
      if (plain !== "") pieces.push({ text: plain });
      plain = "";
      pieces.push({ argument: argument.trim() });
    }
  }
  if (plain !== "") pieces.push({ text: plain });
  return pieces;
}

/**
 * The names of the arguments that an object template uses, each once.
 *
 * @throws {ObjectTemplateError} for a text that cannot be read, and for what JSON cannot carry
 */
export function objectArguments(template: unknown): ReadonlySet<string> {
  const names = new Set<string>();
  mapTemplate(template, (pieces) => {
    for (const piece of pieces) if ("argument" in piece) names.add(piece.argument);
    return null;
  });
  return names;
}

/**
 * The template with each of its texts replaced by what `fill` makes of its pieces. Keys stay as they are.
 *
 * @throws {ObjectTemplateError} for a text that cannot be read, and for what JSON cannot carry
 */
export function mapTemplate(template: unknown, fill: (pieces: readonly TextPiece[]) => unknown): unknown {
  if (typeof template === "string") return fill(parseTemplateText(template));
  if (template === null || typeof template === "boolean") return template;
  if (typeof template === "number" && Number.isFinite(template)) return template;
  if (Array.isArray(template)) return template.map((item) => mapTemplate(item, fill));
  if (typeof template === "object" && [Object.prototype, null].includes(Object.getPrototypeOf(template))) {
    // entries of their own, whatever they are called: __proto__ is a key like any other
    return Object.fromEntries(Object.entries(template).map(([key, value]) => [key, mapTemplate(value, fill)]));
  }
  throw new ObjectTemplateError(`JSON cannot carry the value ${String(template).slice(0, 64)}`);
}
