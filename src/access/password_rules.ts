import { AccessError } from "./access.ts";

/** Shortest and longest password, characters (NIST SP 800-63B §5.1.1: length counts, composition rules do not help). */
export const passwordLength = { least: 10, most: 256 } as const;

const namePattern = /^[A-Za-z0-9._@-]{1,64}$/;

/** Names that audit records use for callers without a user. */
const reservedNames = new Set(["local", "control-token", "loopback", "anonymous", "unknown", "gateway"]);

/** The commonest passwords of at least ten characters; case does not matter. */
const commonPasswords = new Set(
  `1234567890 12345678910 0123456789 0987654321 9876543210 1234512345 1122334455 1111111111 0000000000 1234567891
  123456789a a123456789 123456789q q123456789 1q2w3e4r5t 1qaz2wsx3edc qwertyuiop qwerty1234 qwerty12345 qwerty123456
  asdfghjkl1 asdfghjklzxc zxcvbnm123 password12 password123 password1234 password12345 password123456 passw0rd123
  p@ssw0rd123 p@ssword123 administrator admin12345 admin123456 adminadmin admin@1234 changeme123 changemenow
  letmein123 welcome123 welcome1234 iloveyou12 iloveyou123 basketball football12 superman123 1234qwerasdf
  qwerasdfzxcv 1234567890a abcdefghij abcdefghijk abcd123456 abcde12345 abc1234567 aa12345678 default123
  operator123 scada12345 edgekeep12 edgekeep123 edgekeep1234 chirpstack chirpstack123 raspberrypi`.split(/\s+/),
);

/** Refuses a name that a user cannot have. @throws {AccessError} `bad_params` */
export function checkUserName(name: string): void {
  if (!namePattern.test(name)) {
    throw new AccessError(
      "bad_params",
      "Cannot use the user name as it must be 1 to 64 of the characters A-Z a-z 0-9 . _ @ -",
      { field: "name" },
    );
  }
  if (reservedNames.has(name.toLowerCase())) {
    throw new AccessError("bad_params", `Cannot use the user name as '${name}' stands for callers without a user`, {
      field: "name",
    });
  }
}

/** Refuses a password that is too easy. @throws {AccessError} `bad_params`; the message never holds the password */
export function checkPassword(password: string, name: string): void {
  const refuse = (why: string): never => {
    throw new AccessError("bad_params", `Cannot use the password as ${why}`, {
      field: "password",
      fix: `Choose ${passwordLength.least} characters or more; a few random words do well`,
    });
  };
  const length = [...password].length;
  if (length < passwordLength.least) {
    refuse(`it must have at least ${passwordLength.least} characters: current value has ${length}`);
  }
  if (length > passwordLength.most) refuse(`it must have at most ${passwordLength.most} characters`);
  if (/\p{Cc}/u.test(password)) refuse("it must not contain control characters");
  const plain = password.toLowerCase();
  if (plain === name.toLowerCase()) refuse("it must not be the user name");
  if (commonPasswords.has(plain)) refuse("it is one of the commonest ones");
  if (new Set(plain).size < 3) refuse("it must have at least three different characters");
}
