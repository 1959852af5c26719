import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { Trouble } from "./use_action.ts";

/** An answer of the gateway that a component shows. */
export interface Answered<T> {
  /** The newest answer; `null` before the first. */
  readonly value: T | null;
  /** Why the newest try failed; the value before stays. */
  readonly trouble: Trouble | null;
  readonly busy: boolean;
  /** Asks again, and waits for it. Never throws. */
  readonly reload: () => Promise<void>;
}

/** Asks when the component appears and when `key` changes. What comes late, after a newer question, is dropped. */
export function useAnswer<T>(ask: (signal: AbortSignal) => Promise<T>, key = ""): Answered<T> {
  const [value, setValue] = useState<T | null>(null);
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const [busy, setBusy] = useState(true);
  const current = useRef<AbortController | null>(null);
  const latest = useRef(ask);
  latest.current = ask;
  const reload = useCallback(async () => {
    current.current?.abort();
    const control = new AbortController();
    current.current = control;
    setBusy(true);
    try {
      const answer = await latest.current(control.signal);
      if (current.current !== control) return;
      setValue(answer);
      setTrouble(null);
    } catch (error) {
      if (current.current !== control) return;
      setTrouble(error instanceof Error ? error : new Error(String(error)));
    }
    setBusy(false);
  }, []);
  useEffect(() => {
    // reload never rejects
    void reload();
    return () => {
      current.current?.abort();
      current.current = null;
    };
  }, [key]);
  return { value, trouble, busy, reload };
}
