import { useRef, useState } from "preact/hooks";
import type { ApiError, UnreachableError } from "../api_request.ts";

/** Why something could not be done. */
export type Trouble = ApiError | UnreachableError | Error;

/** Something that is done on demand and may be refused. */
export interface Action {
  readonly busy: boolean;
  /** Why the last try failed; `null` when it did not. */
  readonly trouble: Trouble | null;
  /** Does it, unless it is under way. Answers whether it succeeded; never throws. */
  readonly run: (work: () => Promise<void>) => Promise<boolean>;
  readonly forget: () => void;
}

/** One action of a component at a time, with what became of it. */
export function useAction(): Action {
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const running = useRef(false);
  return {
    busy,
    trouble,
    forget: () => setTrouble(null),
    run: async (work) => {
      if (running.current) return false;
      running.current = true;
      setBusy(true);
      setTrouble(null);
      try {
        await work();
        return true;
      } catch (error) {
        setTrouble(error instanceof Error ? error : new Error(String(error)));
        return false;
      } finally {
        running.current = false;
        setBusy(false);
      }
    },
  };
}
