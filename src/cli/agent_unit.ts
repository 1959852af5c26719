import { checkUnitPaths } from "./unit_paths.ts";

/** What a unit file of the mesh agent is made for. Paths are absolute. */
export interface AgentUnitOptions {
  readonly program: string;
  /** `null`: the documented places, or the defaults where there is no file. */
  readonly config: string | null;
  /** `[agent].dir` */
  readonly agentDir: string;
}

/**
 * A hardened unit file for the mesh agent: root without its rights but those over the network, a read-only system, the
 * one device that tunnels need.
 *
 * Left open on purpose: CAP_NET_ADMIN, which makes interfaces, routes and firewall rules; /proc/sys, where IPv6 of the
 * interface is switched off; /run/wireguard, where `wireguard-go` is spoken to. `KillMode=process` leaves `wireguard-go`
 * alone when the agent is restarted or killed, so that tunnels go on.
 *
 * @throws {RangeError} when a value would mean something else to systemd: blanks, quotes, `%`, relative paths
 */
export function agentUnit({ program, config, agentDir }: AgentUnitOptions): string {
  checkUnitPaths({ program, agentDir, ...config === null ? {} : { config } });
  return `# Written by \`edgekeep systemd --agent\`. Put changes into a drop-in (systemctl edit edgekeep-agent), which an update
# leaves alone.
[Unit]
Description=Edgekeep mesh agent: tunnels to the other machines of the mesh
Wants=network-online.target
After=network-online.target nftables.service
StartLimitIntervalSec=0
ConditionPathExists=${agentDir}/trust.json

[Service]
Type=notify
NotifyAccess=main
ExecStart=${program} agent run${config === null ? "" : ` --config ${config}`}
User=root
Restart=on-failure
RestartSec=2
# a refused configuration, a denied access: a restart would not help
RestartPreventExitStatus=2 3 4
WatchdogSec=90
Environment=MALLOC_ARENA_MAX=2 MALLOC_TRIM_THRESHOLD_=131072
TimeoutStartSec=90
TimeoutStopSec=30
# wireguard-go outlives the agent on purpose; an orderly stop takes the interface away, and it with it
KillMode=process
LimitNOFILE=65536
UMask=0077

# The only places that can be written
ReadWritePaths=${agentDir} -/run/wireguard
RuntimeDirectory=wireguard
RuntimeDirectoryMode=0700
RuntimeDirectoryPreserve=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateMounts=yes

DevicePolicy=closed
DeviceAllow=/dev/net/tun rw
NoNewPrivileges=yes
CapabilityBoundingSet=CAP_NET_ADMIN
AmbientCapabilities=CAP_NET_ADMIN
KeyringMode=private
LockPersonality=yes
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectProc=invisible
RemoveIPC=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
`;
}
