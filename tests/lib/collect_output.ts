/** What a process prints to both of its streams, in the order in which it arrives. */
export interface CollectedOutput {
  /** All so far. */
  readonly text: () => string;
  /** Resolves when both streams have ended. */
  readonly ended: Promise<unknown>;
}

/** Reads both streams of a process, so that it never waits for a reader. */
export function collectOutput({ stdout, stderr }: Pick<Deno.ChildProcess, "stdout" | "stderr">): CollectedOutput {
  const chunks: string[] = [];
  const collect = async (stream: ReadableStream<Uint8Array>) => {
    for await (const chunk of stream.pipeThrough(new TextDecoderStream())) chunks.push(chunk);
  };
  return { text: () => chunks.join(""), ended: Promise.all([collect(stdout), collect(stderr)]) };
}
