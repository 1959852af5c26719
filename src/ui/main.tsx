import { effect, untracked } from "@preact/signals";
import { render } from "preact";
import { App } from "./app.tsx";
import { startClock } from "./clock.ts";
import { followGateway, status } from "./gateway_state.ts";
import { loadGermanFaults } from "./messages/fault_words.ts";
import { pageTitle } from "./page_title.ts";
import { applyPreferences, language } from "./preferences.ts";
import { followAddress } from "./route.ts";
import { askSession, startSession, viewerKey } from "./session/session.ts";

// all of it lives as long as the page does, so nothing is ended here
applyPreferences();
followAddress();
startClock();
startSession();
effect(() => {
  // somebody else gets a stream and values of their own
  if (viewerKey.value !== null) return untracked(followGateway);
});
let debugUnlocked = false;
effect(() => {
  const now = status.value?.faults.some(({ code }) => code === "debug_unlocked") ?? false;
  if (now === debugUnlocked) return;
  debugUnlocked = now;
  // until when it is open, the session's answer tells; the next status asks again if this fails
  askSession().catch(() => debugUnlocked = !now);
});
effect(() => {
  // without them faults are told in English
  if (language.value === "de") loadGermanFaults().catch(() => {});
});
effect(() => {
  document.title = pageTitle();
});
const place = document.getElementById("app");
if (place !== null) render(<App />, place);
