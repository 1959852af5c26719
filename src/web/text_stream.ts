/** What a streamed answer needs around its text. */
export interface TextStreamOptions {
  /** Called once, when the text ended, failed or was given up. */
  readonly onEnd: () => void;
  /**
   * Called when the text fails in the middle. With a connection to break it returns true, and the reader sees the
   * connection break; else the stream itself fails. Either way nobody takes half an answer for a whole one.
   */
  readonly onError: (error: unknown) => boolean;
}

/**
 * The text that a generator makes, as a body that is made only as fast as it is taken. When the reader goes away, the
 * generator is ended where it stands.
 */
export function textStream(
  text: AsyncGenerator<string, void>,
  { onEnd, onError }: TextStreamOptions,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let cancelled = false;
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { value, done } = await text.next();
        if (cancelled) return;
        if (done) {
          onEnd();
          controller.close();
        } else {
          controller.enqueue(encoder.encode(value));
        }
      } catch (error) {
        onEnd();
        if (cancelled) return;
        if (onError(error)) controller.close();
        else controller.error(error);
      }
    },
    async cancel() {
      cancelled = true;
      onEnd();
      await text.return();
    },
  }, { highWaterMark: 0 });
}
