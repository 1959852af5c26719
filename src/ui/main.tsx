import { effect } from "@preact/signals";
import { render } from "preact";
import { App } from "./app.tsx";
import { startClock } from "./clock.ts";
import { followGateway } from "./gateway_state.ts";
import { pageTitle } from "./page_title.ts";
import { applyPreferences } from "./preferences.ts";
import { followAddress } from "./route.ts";

// all of it lives as long as the page does, so nothing is ended here
applyPreferences();
followAddress();
startClock();
followGateway();
effect(() => {
  document.title = pageTitle();
});
const place = document.getElementById("app");
if (place !== null) render(<App />, place);
