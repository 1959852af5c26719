import { type JsonObject, mapLeaves } from "./json_object.ts";

/**
 * The object with every value in a type that no reading of it allows: numbers become words, words become lists and
 * flags become words.
 */
export function withWrongTypes(object: JsonObject): JsonObject {
  const wrong = mapLeaves(object, (leaf) => {
    switch (typeof leaf) {
      case "number":
        return "not a number";
      case "boolean":
        return "maybe";
      case "string":
        return [leaf];
      default:
        return leaf;
    }
  });
  return wrong as JsonObject;
}
