import assert from "node:assert/strict";
import fc from "fast-check";
import { parsePayloadTemplate, PayloadTemplateError, placeholderTypes, templateLength } from "./payload_template.ts";

Deno.test("a template is read in its parts", () => {
  const parts = parsePayloadTemplate("01FF {position:u8} {t:i16le*10}{s:ascii[3]}{on:bool}{x:f32be*-2.5e1}");
  assert.deepEqual(parts, [
    { bytes: Uint8Array.of(1, 255) },
    {
      placeholder: {
        name: "position",
        format: { kind: "integer", bytes: 1, signed: false, littleEndian: false },
        scale: 1,
        text: "{position:u8}",
      },
    },
    {
      placeholder: {
        name: "t",
        format: { kind: "integer", bytes: 2, signed: true, littleEndian: true },
        scale: 10,
        text: "{t:i16le*10}",
      },
    },
    {
      placeholder: { name: "s", format: { kind: "text", encoding: "ascii", width: 3 }, scale: 1, text: "{s:ascii[3]}" },
    },
    { placeholder: { name: "on", format: { kind: "bool" }, scale: 1, text: "{on:bool}" } },
    {
      placeholder: {
        name: "x",
        format: { kind: "float", bytes: 4, littleEndian: false },
        scale: -25,
        text: "{x:f32be*-2.5e1}",
      },
    },
  ]);
  assert.deepEqual(templateLength(parts), { least: 13, most: 13 });
  assert.deepEqual(templateLength(parsePayloadTemplate("00{a:utf8}")), { least: 1, most: null });
});

Deno.test("every type has a form with its byte order, but those of one byte", () => {
  assert.deepEqual([...placeholderTypes].filter((type) => !/(be|le)$/.test(type)), [
    "u8",
    "i8",
    "bool",
    "ascii",
    "utf8",
  ]);
  assert.equal(placeholderTypes.length, 21);
});

for (
  const template of [
    "",
    "  ",
    "0",
    "0 1",
    "0x01",
    "{a}",
    "{a:}",
    "{a:u16}",
    "{a:U8}",
    "{:u8}",
    "{a:u8",
    "a:u8}",
    "{a:u8*0}",
    "{a:u8*x}",
    "{a:u8*1e999}",
    "{a:u8[2]}",
    "{a:bool*2}",
    "{a:ascii*2}",
    "{a:ascii[0]}",
    "{a:ascii[223]}",
    "{{a:u8}}",
  ]
) {
  Deno.test(`the template '${template}' is refused with a reason`, () => {
    assert.throws(() => parsePayloadTemplate(template), PayloadTemplateError);
  });
}

Deno.test("any text is read or refused, and nothing else", () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(..."0aF{}:u8i16be*. [2]x$") }), (text) => {
      try {
        parsePayloadTemplate(text);
      } catch (error) {
        assert.ok(error instanceof PayloadTemplateError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
