/** A text from a file or a peer, so that it cannot move the reader's cursor or colour the terminal. */
export function visible(text: string): string {
  return text.replace(/\p{Cc}/gu, (sign) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
