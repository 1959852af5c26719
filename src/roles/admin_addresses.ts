import type { ControlHandle } from "../control/start_control.ts";
import type { WebHandle } from "../web/serve_web.ts";

/** Where people reach a role: page and control endpoint, by their schemes. */
export function adminAddresses(web: WebHandle | null, control: ControlHandle | null): Record<string, string> {
  return {
    ...web === null ? {} : { [web.url.startsWith("https:") ? "https" : "http"]: web.url },
    ...control === null ? {} : { control: control.url },
  };
}
