import { useEffect } from "preact/hooks";
import { type Answered, useAnswer } from "../parts/use_answer.ts";

/** Asks when the component appears, when `key` changes, and again every `everyMs` while the page is seen. */
export function useSteadyAnswer<T>(
  ask: (signal: AbortSignal) => Promise<T>,
  key: string,
  everyMs: number,
): Answered<T> {
  const answer = useAnswer(ask, key);
  const { reload } = answer;
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) void reload();
    }, everyMs);
    return () => clearInterval(timer);
  }, [reload, everyMs]);
  return answer;
}
