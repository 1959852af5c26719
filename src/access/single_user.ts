import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";

/** The configured credentials; both or none. */
export interface SingleUserOptions {
  readonly userName: string | undefined;
  readonly userPassword: string | undefined;
}

/** Answers whether a user name and password are the configured ones. */
export type Authenticate = (userName: string, password: string) => Promise<boolean>;

/**
 * The check for the one configured user. Both values are compared as keyed digests of equal length, so neither the
 * content nor the length of a credential shows in the time it takes. Without configured credentials everybody is
 * refused: an appliance without users is closed.
 */
export function singleUser({ userName, userPassword }: SingleUserOptions): Authenticate {
  const key = randomBytes(32);
  const digest = (text: string) => createHmac("sha256", key).update(text, "utf8").digest();
  if (userName === undefined || userPassword === undefined) return () => Promise.resolve(false);
  const wantedName = digest(userName);
  const wantedPassword = digest(userPassword);
  return (name, password) => {
    const nameFits = timingSafeEqual(digest(name), wantedName);
    const passwordFits = timingSafeEqual(digest(password), wantedPassword);
    return Promise.resolve(nameFits && passwordFits);
  };
}
