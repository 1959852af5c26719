import assert from "node:assert/strict";
import fc from "fast-check";
import { MaskError, SecretMask } from "./secret_mask.ts";

const secrets = ["chirpstack-secret", "opcua-secret", "control-secret"];
const text = `# old token chirpstack-secret
[chirpstack]
server_address = "http://h:1"
api_token = "chirpstack-secret" # not opcua-secret
#api_token = "an-older-secret"
[opcua]
user_name = "a"
user_password = 'opcua-secret'
[gateway]
site = "written opcua-secret by mistake"
[runtime.control]
auth_token = """
control-secret"""
require_token = true
[chirpstak]
apiToken = "typo-secret"
[runtime.web]
auth_realm = "tell"
`;

Deno.test("No secret is in a masked text, and unmasking gives the very text back", () => {
  const mask = new SecretMask();
  const masked = mask.mask(text, secrets);
  assert.doesNotMatch(masked, /secret/);
  assert.match(masked, /require_token = true/);
  assert.match(masked, /api_token = "\*\*\*kept:[0-9a-f]{16}\*\*\*" # not \*\*\*kept/);
  assert.equal(mask.unmask(masked), text);
  assert.equal(mask.mask(text, secrets), masked, "the same text is masked the same way");
});

Deno.test("What was edited around the masks stays edited", () => {
  const mask = new SecretMask();
  const masked = mask.mask(text, secrets).replace('user_name = "a"', 'user_name = "b"').replace(/#api_token.*\n/, "");
  assert.equal(
    mask.unmask(masked),
    text.replace('user_name = "a"', 'user_name = "b"').replace(/#api_token.*\n/, ""),
  );
  const section = /\[opcua\]\n.*\n.*\n/.exec(mask.mask(text, secrets))?.[0] ?? "";
  const moved = mask.mask(text, secrets).replace(section, "") + section;
  assert.ok(mask.unmask(moved).endsWith("[opcua]\nuser_name = \"a\"\nuser_password = 'opcua-secret'\n"));
});

Deno.test("A mask is put back only where it was taken from", () => {
  const mask = new SecretMask();
  const masked = mask.mask(text, secrets);
  const token = /api_token = ("\*\*\*kept:[0-9a-f]+\*\*\*")/.exec(masked)?.[1] ?? "";
  const refused: [string, RegExp][] = [
    [masked.replace('user_name = "a"', `user_name = ${token}`), /chirpstack\.api_token at opcua\.user_name/],
    [`# ${token}\n`, /in a comment/],
    [`[chirpstack]\napi_token = ${token.replace(/.$/, ' more"')}`, /part of a masked secret/],
    ['[chirpstack]\napi_token = "***kept:0123456789abcdef***"', /chirpstack\.api_token back as it is not known here/],
    ['[chirpstack]\napi_token = "***"', /Cannot set chirpstack\.api_token to \*\*\*/],
    [`${token} = 1`, /not taken from there/],
  ];
  for (const [proposed, reason] of refused) {
    assert.throws(() => mask.unmask(proposed), (error) => {
      assert.ok(error instanceof MaskError, String(error));
      assert.match(error.message, reason);
      assert.doesNotMatch(error.message, /secret-|-secret/);
      return true;
    }, proposed);
  }
  const other = new SecretMask();
  assert.throws(() => other.unmask(masked), /not known here any more/);
});

Deno.test("Placeholders are no secrets, and a text without masks stays as it is", () => {
  const mask = new SecretMask();
  const fresh = '[chirpstack]\napi_token = "REPLACE_ME_WITH_EDGEKEEP_CHIRPSTACK__API_TOKEN"\n#api_token = ""\n';
  assert.match(mask.mask(fresh, []), /REPLACE_ME_WITH/);
  fc.assert(fc.property(fc.string(), (any) => assert.equal(mask.unmask(any), any)));
});

Deno.test("A text that is no TOML shows no secret either", () => {
  const mask = new SecretMask();
  const broken = `${text}[broken\nuser_password = """long
secret of many
lines"""
host_port = 1
chirpstack . api_token = "quoted secret
`;
  const masked = mask.mask(broken, secrets);
  assert.doesNotMatch(masked, /secret/);
  assert.match(masked, /host_port = 1/);
});

Deno.test("A secret in an inline table of a broken text, or in the middle of a comment, is not shown either", () => {
  const mask = new SecretMask();
  for (
    const line of [
      'opcua = { user_name = "scada", user_password = "brand-new" }',
      "runtime = { control = { \"auth_token\" = 'brand-new' } }",
      'name = "x" # was: user_password = "brand-new"',
      '# before: opcua."user_password" = "brand-new"',
    ]
  ) {
    const broken = mask.mask(`[gateway\n${line}\nname = "y"\n`, []);
    assert.ok(!broken.includes("brand-new"), broken);
    assert.match(broken, /name = "y"/);
  }
  for (const comment of ['# was: user_password = "brand-new"', "#opcua.'user_password' = \"brand-new\""]) {
    const whole = `[gateway]\nname = "x" ${comment}\n`;
    const masked = mask.mask(whole, []);
    assert.ok(!masked.includes("brand-new"), masked);
    assert.equal(mask.unmask(masked), whole);
  }
  const prose = "# the user_password is in the safe\n";
  assert.equal(mask.mask(prose, []), prose);
});

Deno.test("An etag names a text, and tells no other object anything", () => {
  const [one, other] = [new SecretMask(), new SecretMask()];
  assert.equal(one.etag(text), one.etag(text));
  assert.notEqual(one.etag(text), one.etag(`${text} `));
  assert.notEqual(one.etag(text), other.etag(text));
});

Deno.test("Whatever the secrets are, masking can be undone", () => {
  const mask = new SecretMask();
  const word = fc.stringMatching(/^[a-z]{3,9}$/);
  fc.assert(fc.property(word, word, word, (token, password, site) => {
    const before = `[chirpstack]\napi_token = "${token}" # ${password}\n[opcua]\nuser_password = '${password}'\n` +
      `[gateway]\nsite = "${site}${token}${password}"\n`;
    const masked = mask.mask(before, [token, password]);
    assert.equal(mask.unmask(masked), before);
    if (token.length >= 6 && !"chirpstack api_token user_password".includes(token)) assert.ok(!masked.includes(token));
  }));
});
