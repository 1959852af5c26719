import { isLoopback, isWildcard, overlaps, parseEndpoint, parseListen, parseOpcTcpUrl } from "./address.ts";
import type { Rule } from "./rules.ts";

/** Largest chunk that the OPC UA server sends or takes, in bytes (OPC 10000-6 §7.1.2.3: buffer sizes are negotiated). */
const CHUNK_BYTES = 65_536;

export const networkRules: readonly Rule[] = [
  {
    id: "chirpstack_address_parts",
    severity: "error",
    *check({ chirpstack }) {
      const url = URL.parse(chirpstack?.server_address ?? "");
      if (url === null) return;
      const found = url.username !== "" || url.password !== ""
        ? "a user or password"
        : url.pathname !== "/"
        ? "a path"
        : url.search !== "" || url.hash !== ""
        ? "a query or fragment"
        : null;
      if (found === null) return;
      const text = `server_address holds ${found}; gRPC takes scheme, host and port alone`;
      yield { at: ["chirpstack", "server_address"], text, fix: `Write "${url.protocol}//${url.host}"` };
    },
  },
  {
    id: "chirpstack_plain_text",
    severity: "warning",
    *check({ chirpstack }) {
      const url = URL.parse(chirpstack?.server_address ?? "");
      if (url === null || url.protocol !== "http:" || isLoopback(url.hostname)) return;
      const text = "The API token and all values travel to ChirpStack unencrypted";
      yield { at: ["chirpstack", "server_address"], text, fix: "Use https:// where the network is not yours alone" };
    },
  },
  {
    id: "chirpstack_ca_unused",
    severity: "error",
    *check({ chirpstack }) {
      if (chirpstack?.ca_path === undefined || URL.parse(chirpstack.server_address ?? "")?.protocol !== "http:") return;
      const text = "ca_path has no effect with an http:// server_address";
      yield { at: ["chirpstack", "ca_path"], text, fix: "Write https://, or remove ca_path" };
    },
  },
  {
    id: "chirpstack_token_characters",
    severity: "error",
    *check({ chirpstack }) {
      // it becomes an HTTP/2 header (RFC 9110 §5.5)
      if (chirpstack?.api_token === undefined || /^[\x21-\x7e]+$/.test(chirpstack.api_token)) return;
      const text = "api_token holds blanks, line ends or characters that no API key of ChirpStack has";
      yield { at: ["chirpstack", "api_token"], text, fix: "Copy the API key again, in one line without quotes" };
    },
  },
  {
    id: "opcua_user_incomplete",
    severity: "error",
    *check({ opcua }) {
      if (opcua === undefined || (opcua.user_name === undefined) === (opcua.user_password === undefined)) return;
      if (opcua.user_name === undefined) {
        const fix = 'Add user_name = "…" under [opcua]';
        yield { at: ["opcua", "user_name"], text: "user_password is set, but user_name is missing", fix };
      } else {
        const fix = "Set EDGEKEEP_OPCUA__USER_PASSWORD, or user_password_file to the path of a file that holds it";
        yield { at: ["opcua", "user_password"], text: "user_name is set, but user_password is missing", fix };
      }
    },
  },
  {
    id: "opcua_without_user",
    severity: "note",
    *check({ opcua }) {
      if (opcua?.enabled !== true || opcua.user_name !== undefined || opcua.user_password !== undefined) return;
      const text = "The file names no user: only stored users log in to OPC UA, and anonymous login is never offered";
      const fix =
        "Add a user on the page or with `edgekeep user add`; or user_name and user_password_file under [opcua]";
      yield { at: ["opcua", "user_name"], text, fix };
    },
  },
  {
    id: "opcua_password_characters",
    severity: "error",
    *check({ opcua }) {
      if (opcua?.user_password === undefined || !/\p{Cc}/u.test(opcua.user_password)) return;
      const text = "user_password holds line ends or control characters, which nobody can type";
      yield { at: ["opcua", "user_password"], text, fix: "Write the password in one line" };
    },
  },
  {
    id: "opcua_advertised_wildcard",
    severity: "error",
    *check({ opcua }) {
      for (const [entry, host] of (opcua?.advertised_hosts ?? []).entries()) {
        if (!isWildcard(host)) continue;
        const text = `Clients cannot connect to ${host}`;
        yield { at: ["opcua", "advertised_hosts", entry], text, fix: "Write a name or address that clients can reach" };
      }
    },
  },
  {
    id: "opcua_discovery_own_endpoint",
    severity: "error",
    *check({ opcua }) {
      const there = parseOpcTcpUrl(opcua?.discovery_server_url ?? "");
      if (there === null || opcua?.enabled !== true || there.port !== opcua.host_port) return;
      const { host_ip_address: bound = "", advertised_hosts: advertised = [] } = opcua;
      const here = overlaps(there.host, bound) && !isWildcard(bound) || isLoopback(there.host) && isWildcard(bound) ||
        isWildcard(there.host) || advertised.some((one) => one?.toLowerCase() === there.host.toLowerCase());
      if (!here) return;
      const text = "discovery_server_url is this gateway's own endpoint, which keeps no register of servers";
      const fix = "Write the address of the discovery server; on this machine give one of the two another port";
      yield { at: ["opcua", "discovery_server_url"], text, fix };
    },
  },
  {
    id: "opcua_discovery_lists_loopback",
    severity: "warning",
    *check({ opcua }) {
      const there = parseOpcTcpUrl(opcua?.discovery_server_url ?? "");
      if (there === null || opcua?.enabled !== true || isLoopback(there.host)) return;
      if (!isLoopback(opcua.host_ip_address ?? "") || (opcua.advertised_hosts ?? []).length > 0) return;
      const text = `The discovery server would list ${opcua.host_ip_address}, which nobody else reaches`;
      yield { at: ["opcua", "discovery_server_url"], text, fix: "Set host_ip_address, or advertised_hosts behind NAT" };
    },
  },
  {
    id: "opcua_message_beyond_chunks",
    severity: "warning",
    *check({ opcua }) {
      const { max_message_size: size, max_chunk_count: chunks } = opcua ?? {};
      if (size === undefined || chunks === undefined || size <= chunks * CHUNK_BYTES) return;
      const text = `${chunks} chunks hold at most ${chunks * CHUNK_BYTES} bytes: max_message_size is never reached`;
      const fix = `Raise max_chunk_count to ${Math.ceil(size / CHUNK_BYTES)}, or lower max_message_size`;
      yield { at: ["opcua", "max_message_size"], text, fix };
    },
  },
  {
    id: "opcua_address_share_unused",
    severity: "warning",
    *check({ opcua }) {
      const { max_connections: all, max_connections_per_address: each } = opcua ?? {};
      if (all === undefined || each === undefined || each <= all) return;
      const text = `max_connections_per_address (${each}) is more than max_connections (${all})`;
      yield { at: ["opcua", "max_connections_per_address"], text, fix: `Write at most ${all}` };
    },
  },
  {
    id: "repeated_entry",
    severity: "error",
    *check({ opcua, agent }) {
      const lists: readonly (readonly [section: string, key: string, list: readonly string[] | undefined])[] = [
        ["opcua", "advertised_hosts", opcua?.advertised_hosts],
        ["opcua", "security_policies", opcua?.security_policies],
        ["opcua", "security_modes", opcua?.security_modes],
        ["agent", "static_endpoints", agent?.static_endpoints],
      ];
      for (const [section, key, list = []] of lists) {
        for (const [entry, value] of list.entries()) {
          if (list.indexOf(value) === entry) continue;
          yield { at: [section, key, entry], text: `${value} is listed twice`, fix: "Keep one" };
        }
      }
    },
  },
  {
    id: "port_of_chirpstack",
    severity: "warning",
    *check({ chirpstack, opcua, runtime }) {
      const url = URL.parse(chirpstack?.server_address ?? "");
      if (url === null || !isLoopback(url.hostname)) return;
      const port = Number(url.port || (url.protocol === "https:" ? 443 : 80));
      const web = runtime?.web?.enabled === true ? parseListen(runtime.web.listen ?? "") : null;
      const text = `ChirpStack on this machine already listens on port ${port}`;
      const fix = "Choose another port";
      if (web?.port === port) yield { at: ["runtime", "web", "listen"], text, fix };
      if (opcua?.enabled === true && opcua.host_port === port) yield { at: ["opcua", "host_port"], text, fix };
      const control = runtime?.control?.enabled === true ? parseEndpoint(runtime.control.endpoint ?? "") : null;
      if (control?.kind === "tcp" && control.port === port) yield { at: ["runtime", "control", "endpoint"], text, fix };
    },
  },
  {
    id: "nothing_served",
    severity: "warning",
    *check({ opcua, runtime }) {
      if (opcua?.enabled !== false || runtime?.web?.enabled !== false) return;
      const text = "OPC UA and the web page are both switched off: values are stored, and nobody can read them";
      yield { at: ["opcua", "enabled"], text, fix: "Switch one of them on" };
    },
  },
];
