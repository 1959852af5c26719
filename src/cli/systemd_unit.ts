import type { ConfiguredRole } from "../policy/configured_role.ts";
import { checkUnitPaths } from "./unit_paths.ts";

/** What a unit file is made for. Paths are absolute. */
export interface SystemdUnitOptions {
  /** What it runs; a gateway unless told. */
  readonly role?: ConfiguredRole;
  readonly program: string;
  readonly user: string;
  readonly config: string;
  readonly dataDir: string;
}

const units: Readonly<
  Record<ConfiguredRole, { readonly name: string; readonly command: string; readonly what: string }>
> = {
  gateway: { name: "edgekeep", command: "run", what: "Edgekeep gateway: LoRaWAN field data to OPC UA" },
  hub: { name: "edgekeep-hub", command: "hub run", what: "Edgekeep hub: the control plane of a mesh" },
};

/** A secret that the role may have, for the example of a credential. */
const secretOf: Readonly<Record<ConfiguredRole, string>> = {
  gateway: "chirpstack.api_token",
  hub: "runtime.control.auth_token",
};

/**
 * A hardened unit file for the gateway or the hub: an unprivileged user, a read-only system, no devices, no capabilities, the
 * system calls of ordinary services. `systemd-analyze security` rates it 2.0 or better.
 *
 * Left open on purpose: the network, which is its work; AF_NETLINK, which lists the machine's addresses; and
 * memory that is writable and executable, which a JavaScript engine compiles into.
 *
 * @throws {RangeError} when a value would mean something else to systemd: blanks, quotes, `%`, relative paths
 */
export function systemdUnit(options: SystemdUnitOptions): string {
  const { role = "gateway", program, user, config, dataDir } = options;
  const { name, command, what } = units[role];
  checkUnitPaths({ program, config, dataDir });
  if (!/^[a-z_][a-z0-9_-]{0,30}$/.test(user)) {
    throw new RangeError(`Cannot use '${user}' as the user of a unit: it must be the name of a system user`);
  }
  const configDir = config.slice(0, Math.max(1, config.lastIndexOf("/")));
  return `# Written by \`edgekeep systemd\`. Put changes into a drop-in (systemctl edit ${name}), which an update leaves alone.
[Unit]
Description=${what}
Wants=network-online.target
After=network-online.target
# one that cannot start yet, say for a port in use, is tried again for as long as it takes
StartLimitIntervalSec=0

[Service]
Type=notify
NotifyAccess=main
ExecStart=${program} ${command} --config ${config}
# reads the configuration again and applies what changed; the log says how that went
ExecReload=/bin/kill -HUP $MAINPID
User=${user}
Group=${user}
Restart=on-failure
RestartSec=5
# a refused configuration, a denied access: a restart would not help
RestartPreventExitStatus=2 3 4
# three times the longest wait before a crashed role is started again inside the process
WatchdogSec=90
# fewer arenas, and freed memory given back: 6 to 9 MB less on a small machine
Environment=MALLOC_ARENA_MAX=2 MALLOC_TRIM_THRESHOLD_=131072
TimeoutStartSec=90
TimeoutStopSec=30
KillMode=mixed
LimitNOFILE=65536
UMask=0077

# Secrets may come from systemd instead of a file; the name is the key's path in the configuration:
#LoadCredential=${secretOf[role]}:${configDir}/credentials/${secretOf[role]}

# The only places that can be written
ReadWritePaths=-${configDir} ${dataDir}
RuntimeDirectory=${name}
RuntimeDirectoryMode=0750
LogsDirectory=${name}
LogsDirectoryMode=0750
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateMounts=yes

PrivateDevices=yes
DevicePolicy=closed
PrivateUsers=yes
NoNewPrivileges=yes
CapabilityBoundingSet=
AmbientCapabilities=
KeyringMode=private
LockPersonality=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
RemoveIPC=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
# refused calls fail instead of ending the process: the runtime tries to raise its limit of open files, and goes on
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
`;
}
