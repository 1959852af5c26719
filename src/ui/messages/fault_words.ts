import { signal } from "@preact/signals";

/** The words of one fault. */
export interface FaultWords {
  readonly title: string;
  readonly cause: string;
  readonly remedy: string;
}

/** German words by fault code; empty until {@link loadGermanFaults} has fetched them: the gateway tells English ones. */
export const germanFaults = signal<Readonly<Record<string, FaultWords>>>({});

let loading: Promise<void> | null = null;

/** Fetches the German words, once. Where that fails, English ones stay, and the next call tries again. */
export function loadGermanFaults(): Promise<void> {
  return loading ??= import("./de_faults.ts").then(({ deFaults }) => {
    germanFaults.value = deFaults;
  }).catch((error) => {
    loading = null;
    throw error;
  });
}
