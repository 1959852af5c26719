/** The pages that are fetched when one of them is first opened. */
export { AlarmsPage } from "./operate/alarms_page.tsx";
export { CommandsPage } from "./operate/commands_page.tsx";
export { SecurityPage } from "./security/security_page.tsx";
