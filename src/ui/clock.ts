import { signal } from "@preact/signals";

/** How far the gateway's clock is ahead of this browser's, ms. */
let aheadMs = 0;

/** The gateway's time now, ms since the epoch; moves once a second, for ages that tick. */
export const nowMs = signal(Date.now());

/** Takes the gateway's time from a message that it sent just now. */
export function setGatewayTime(time: string): void {
  aheadMs = Date.parse(time) - Date.now();
}

/** The gateway's time at this moment, ms. */
export function gatewayNowMs(): number {
  return Date.now() + aheadMs;
}

/** Lets {@link nowMs} tick. Returns what ends it. */
export function startClock(): () => void {
  const timer = setInterval(() => nowMs.value = gatewayNowMs(), 1000);
  return () => clearInterval(timer);
}
