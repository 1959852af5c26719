import { useEffect, useState } from "preact/hooks";
import { ApiError } from "../api_request.ts";
import type { Trouble } from "../parts/use_action.ts";

/** Time until another attempt counts after a throttled one, ms, ticking; 0 when one may be made. */
export function useCountdown(trouble: Trouble | null): number {
  const [leftMs, setLeftMs] = useState(0);
  const retryAfterMs = trouble instanceof ApiError && trouble.code === "throttled"
    ? trouble.more.retryAfterMs ?? 1_000
    : 0;
  useEffect(() => {
    setLeftMs(retryAfterMs);
    if (retryAfterMs === 0) return;
    const endMs = performance.now() + retryAfterMs;
    const timer = setInterval(() => {
      const left = Math.max(0, endMs - performance.now());
      setLeftMs(left);
      if (left === 0) clearInterval(timer);
    }, 250);
    return () => clearInterval(timer);
  }, [trouble]);
  return leftMs;
}
