import { configFile, howToRead, meshTables, placeholder, rareTables } from "./config_file.ts";
import { referencePage } from "./reference_page.ts";

/** The files of `config/` that are made from the schema: name → text. */
export function shippedFiles(): Readonly<Record<string, string>> {
  return { "edgekeep.toml": shippedConfig(), "README.md": referencePage() };
}

function shippedConfig(): string {
  return configFile({
    intro: [
      "Edgekeep configuration: every key there is. Made from the schema; README.md beside it has the same as tables.",
      "",
      ...howToRead,
    ],
    set: {
      "chirpstack.server_address": placeholder(["chirpstack", "server_address"]),
      "chirpstack.api_token": placeholder(["chirpstack", "api_token"]),
      "opcua.user_name": "scada",
      "opcua.user_password": placeholder(["opcua", "user_password"]),
      "runtime.tls.require_remote": true,
    },
    off: ["application", ...rareTables, ...meshTables],
  });
}
