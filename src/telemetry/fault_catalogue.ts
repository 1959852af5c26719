/** How bad a fault is: `error` makes the verdict "not working", `warning` "working, needs attention". */
export type FaultSeverity = "error" | "warning" | "note";

/** A known fault in the words that every surface uses. */
export interface FaultKind {
  readonly title: string;
  readonly severity: FaultSeverity;
  readonly cause: string;
  readonly remedy: string;
}

function catalogue<const T extends Record<string, FaultKind>>(kinds: T): { readonly [K in keyof T]: FaultKind } {
  return kinds;
}

/** Every fault this program can report, by its stable code. Logs, health, web, OPC UA and the docs read this list. */
export const faultCatalogue = catalogue({
  not_set_up: {
    title: "Not set up",
    severity: "warning",
    cause: "The configuration names no source of data.",
    remedy: "Add a [chirpstack] section with the address of your ChirpStack server and its API token.",
  },
  source_unreachable: {
    title: "ChirpStack cannot be reached",
    severity: "error",
    cause: "The server refuses connections, does not answer in time, or the network between is down.",
    remedy: "Check [chirpstack].server_address, the cable and the firewall; the gateway keeps trying.",
  },
  source_unauthorized: {
    title: "ChirpStack refuses the API token",
    severity: "error",
    cause: "The token is wrong, revoked, or not allowed to see the tenant or device.",
    remedy: "Create an API key in ChirpStack and set EDGEKEEP_CHIRPSTACK__API_TOKEN or api_token_file.",
  },
  source_device_unknown: {
    title: "ChirpStack does not know the device",
    severity: "warning",
    cause: "The DevEUI in the configuration does not exist in ChirpStack, or the token may not see it.",
    remedy: "Compare device_id with the DevEUI shown in ChirpStack.",
  },
  stream_silent: {
    title: "Device events do not arrive",
    severity: "warning",
    cause: "ChirpStack saw the device, but its event stream delivers nothing: the event log is disabled in ChirpStack.",
    remedy: 'Enable device events in ChirpStack (monitoring.device_event_log_max_history > 0), or set mode = "poll".',
  },
  stream_failed: {
    title: "The event stream of a device keeps failing",
    severity: "warning",
    cause: "ChirpStack ends the stream of this device, or answers it with an error. Other devices are not affected.",
    remedy: "Read ChirpStack's own log for the reason; the gateway keeps trying.",
  },
  device_decoding: {
    title: "A device sends values that do not fit",
    severity: "warning",
    cause: "The decoded object of the device lacks the configured path or holds another type.",
    remedy: "Compare chirpstack_metric_name and metric_type with the decoded object in ChirpStack's events page.",
  },
  device_clock_ahead: {
    title: "A time stamp lies in the future",
    severity: "warning",
    cause: "The event carries a time more than five minutes ahead of this machine's clock.",
    remedy: "Check the clock of this machine (timedatectl) and of the ChirpStack server.",
  },
  history_corrupt: {
    title: "The history file was damaged and set aside",
    severity: "error",
    cause: "SQLite found the file damaged or not a database. It was renamed, never deleted; a new one is in use.",
    remedy:
      "Check the disk. The old file lies beside the new one as *.corrupt-<time>; recovered rows are back in place.",
  },
  history_write_failed: {
    title: "Samples cannot be stored",
    severity: "error",
    cause: "Writing the history file fails: the disk is full, read-only or broken.",
    remedy: "Free space or mend the disk. Samples wait in memory up to a limit; live values go on.",
  },
  history_damaged: {
    title: "Part of the history cannot be read",
    severity: "error",
    cause: "Bytes of the history file are not what was written: the checksum of a block does not match.",
    remedy: "Check the disk. The rows of that block are left out; restore them from a backup if they matter.",
  },
  history_backup_failed: {
    title: "The history could not be backed up",
    severity: "warning",
    cause: "Writing the copy into data_dir/backup failed: the disk is full, or the folder is not writable.",
    remedy: "Free space, or lower [storage].backup_keep. The next try follows within the hour.",
  },
  history_reader_down: {
    title: "History cannot be read",
    severity: "warning",
    cause: "The worker that reads the history file stopped and is being restarted.",
    remedy: "Read the log for the reason. Live values and storing go on.",
  },
  control_failed: {
    title: "The control endpoint is not listening",
    severity: "warning",
    cause: "Its listener failed, or the file of its unix socket was deleted.",
    remedy: "Read the log for the reason; the gateway keeps trying. Field data and the web page go on.",
  },
  opcua_failed: {
    title: "The OPC UA server is not running",
    severity: "error",
    cause: "Its listener failed.",
    remedy: "Read the log for the reason; the gateway keeps trying.",
  },
  opcua_none_remote: {
    title: "OPC UA without security can be reached from the network",
    severity: "warning",
    cause: "The configuration names SecurityPolicy None on an address that is not loopback.",
    remedy: 'Remove "None" from [opcua].security_policies.',
  },
  discovery_server_unreachable: {
    title: "The OPC UA server is not registered with the discovery server",
    severity: "warning",
    cause:
      "The discovery server is away, refuses the registration, or is not trusted. Clients that know the address connect all the same.",
    remedy:
      "Check [opcua].discovery_server_url, and let each trust the other's certificate: `edgekeep pki trust`. The gateway keeps trying.",
  },
  certificate_expiring: {
    title: "The OPC UA certificate expires soon",
    severity: "warning",
    cause: "Certificates have an end date; clients refuse the connection after it.",
    remedy: "Renew it before that day: `edgekeep pki renew-opcua`, and let clients trust the new one.",
  },
  debug_unlocked: {
    title: "Debug operations are unlocked",
    severity: "warning",
    cause: "An admin unlocked debug operations, such as forcing values, for a while.",
    remedy: "They close by themselves when the time is over; `edgekeep ctl debug.lock` closes them now.",
  },
  tag_forced: {
    title: "A value is forced",
    severity: "warning",
    cause: "Somebody serves a value of their own in place of the field's.",
    remedy: "Unforce the tag to serve the field's value again: `edgekeep ctl tags.unforce id=…`.",
  },
  audit_unwritable: {
    title: "The audit cannot be written",
    severity: "error",
    cause: "Writing data_dir/audit fails: the disk is full, read-only or broken.",
    remedy: "Free space or mend the disk. Records wait in memory up to a limit and are written then.",
  },
  audit_chain_broken: {
    title: "The audit was changed or damaged",
    severity: "error",
    cause:
      "The chain of hashes over the audit's records does not fit: records were changed, removed, or the disk is bad.",
    remedy: "Run `edgekeep audit verify`, keep the files in data_dir/audit as they are, and find out who had access.",
  },
  part_down: {
    title: "A part of the gateway cannot start",
    severity: "error",
    cause:
      "After a change of the configuration the part could not be started: a port that is taken, a file that is missing.",
    remedy: "Read the detail and mend it, or restore the earlier configuration; the gateway keeps trying.",
  },
  access_store_damaged: {
    title: "The users and tokens were lost",
    severity: "error",
    cause:
      "The file access.db in data_dir was damaged, cut short or not readable. Nobody whom only this file knows gets in.",
    remedy:
      "A damaged copy lies beside it as access.db.damaged-<time>. Restore a backup, or add users again on this machine: `edgekeep user add`.",
  },
  access_store_unwritable: {
    title: "Users and tokens cannot be stored",
    severity: "warning",
    cause: "Writing access.db in data_dir fails: the disk is full, read-only or broken.",
    remedy: "Free space or mend the disk. Who is known still gets in; changes are refused until then.",
  },
  alarm_store_damaged: {
    title: "The file of alarms was damaged and set aside",
    severity: "error",
    cause: "SQLite found alarms.db damaged or not a database. It was renamed, never deleted; a new one is in use.",
    remedy:
      "Check the disk. The old file lies beside the new one as alarms.db.corrupt-<time>; the journal begins anew.",
  },
  alarm_store_unwritable: {
    title: "Alarms cannot be stored",
    severity: "error",
    cause: "Writing alarms.db in data_dir fails: the disk is full, read-only or broken.",
    remedy: "Free space or mend the disk. Alarms go on; their events wait in memory up to a limit.",
  },
  pairing_under_attack: {
    title: "Somebody guesses pairing codes",
    severity: "warning",
    cause: "Many wrong pairing codes came within a few minutes. Open codes are burnt after five wrong ones.",
    remedy:
      "Read the audit for the addresses, close the port to them in the firewall, and start a new pairing afterwards.",
  },
  config_user_shadows_stored: {
    title: "A stored user has the name of the configured one",
    severity: "warning",
    cause:
      "The configured [opcua].user_name names a user who is stored too: the configured password counts, the stored user is shut out.",
    remedy: "Remove the stored user (`edgekeep user remove`), or choose another [opcua].user_name.",
  },
  tls_certificate_unusable: {
    title: "The new certificate of web and control cannot be used",
    severity: "warning",
    cause: "Certificate or key of [runtime.tls] changed and do not parse, do not belong together, or are not readable.",
    remedy:
      "Put certificate and key of one pair in place, or make them: `edgekeep pki renew`. The last good pair stays.",
  },
  tls_certificate_expiring: {
    title: "The certificate of web and control expires soon",
    severity: "warning",
    cause: "Certificates have an end date; browsers and clients warn or refuse the connection after it.",
    remedy: "Renew it before that day: `edgekeep pki renew`, or put the new files of your CA in place.",
  },
  tls_certificate_expired: {
    title: "The certificate of web and control is not valid today",
    severity: "error",
    cause: "Its end has passed, its start has not come, or the clock of this machine is wrong.",
    remedy:
      "Check the clock (timedatectl), then renew it: `edgekeep pki renew`, or put the new files of your CA in place.",
  },
  command_store_failed: {
    title: "Commands cannot be stored",
    severity: "error",
    cause: "Writing commands.db in data_dir fails: the disk is full, read-only or broken.",
    remedy: "Free space or mend the disk. Until then commands are refused, and none is sent.",
  },
  command_store_damaged: {
    title: "The command store was damaged and set aside",
    severity: "error",
    cause: "SQLite found commands.db damaged or not a database. It was renamed, never deleted; a new one is in use.",
    remedy: "Check the disk, and look in ChirpStack's queues: commands that were under way are not known any more.",
  },
  commands_unreachable: {
    title: "Commands cannot be handed to ChirpStack",
    severity: "warning",
    cause: "ChirpStack does not answer calls about the device's queue, or refuses them.",
    remedy: "Check ChirpStack and the rights of its API token. Commands wait until their deadline.",
  },
  command_unknown: {
    title: "Nobody knows whether a command was sent",
    severity: "warning",
    cause:
      "The gateway stopped, or the connection broke, at the moment of sending, or the command left ChirpStack's queue unheard.",
    remedy: "Look at the device, then send the command again if needed: the gateway does not repeat it by itself.",
  },
  hub_address_unknown: {
    title: "Nobody knows the hub's address",
    severity: "warning",
    cause: "The name in [hub].address, or else in [hub].url, cannot be looked up on this machine.",
    remedy:
      "Write the IP address into [hub].address, or mend the name service, and restart. Until then agents join and are served, but none of them learns its own address behind NAT, and nobody is relayed.",
  },
  hub_stopped_signing: {
    title: "The hub signs nothing until it is recovered",
    severity: "error",
    cause:
      "A node has seen more than this hub has given out: the hub was restored from an older copy, or two run with its keys.",
    remedy:
      "Stop the other hub if there is one, then run edgekeep hub recover. If only one node claims it and cannot be trusted, remove that node. Tunnels go on meanwhile.",
  },
  hub_state_differs: {
    title: "A node has another state than the hub gave it",
    severity: "warning",
    cause:
      "Node and hub are at the same position with different contents: a second hub runs with the same keys, or one of the two programs has a fault.",
    remedy: "Make sure that this hub runs once only. The node fetches its state again; report it if it stays.",
  },
  hub_store_failed: {
    title: "The hub cannot store anything",
    severity: "error",
    cause: "Writing hub.db fails: the disk is full, read-only or broken.",
    remedy: "Free space or mend the disk. Nodes cannot join or change meanwhile; tunnels go on.",
  },
  hub_connections_full: {
    title: "The hub has no place for further connections",
    severity: "warning",
    cause:
      "Streams and requests of agents, or somebody who floods the hub's port, hold every connection that may be open.",
    remedy:
      "See in the audit (hub_request_refused) who asks from where, and keep strangers away from the port. Agents that are connected are served meanwhile; others try again by themselves.",
  },
  mesh_firewall_changed: {
    title: "The mesh's firewall was changed by somebody else",
    severity: "warning",
    cause:
      "The agent's nftables table was deleted or altered, as by 'nft flush ruleset' of another firewall's restart.",
    remedy: "The agent puts it back within 10 s each time. Find out what changes it, and keep it from other tables.",
  },
  mesh_firewall_failed: {
    title: "The mesh's firewall cannot be put in force",
    severity: "error",
    cause: "The program nft is missing, refuses the rules, or lacks the right to set them.",
    remedy:
      "Install nftables and run 'edgekeep agent doctor'. Without any table in force the tunnel is held down; the agent keeps trying.",
  },
  mesh_peer_refused: {
    title: "A peer of the mesh is refused",
    severity: "warning",
    cause: "What the hub says of it does not add up with what was signed, or with what was seen of it before.",
    remedy:
      "Read the reason. It stays off the tunnel, or on its last keys that added up. If nobody can explain it, take the hub for compromised.",
  },
  mesh_psk_downgrade: {
    title: "The hub asks for weaker keys between peers",
    severity: "warning",
    cause: 'The hub was changed to [hub].psk = "hub", or somebody speaks in its name.',
    remedy: 'Nothing is weakened: the tunnels go on end to end. Set [hub].psk = "end-to-end" again.',
  },
  mesh_peers_failed: {
    title: "The tunnels cannot be set",
    severity: "error",
    cause: "The WireGuard interface does not answer or refuses a change.",
    remedy: "Run 'edgekeep agent doctor'. Tunnels that are up go on; the agent keeps trying.",
  },
  hub_rolled_back: {
    title: "The hub went back in its history",
    severity: "error",
    cause:
      "The hub shows an older position than this node has followed: it was restored from a backup, or somebody replays it.",
    remedy:
      "The tunnels stay as they are. Recover the hub (edgekeep hub recover), or, if the backup is wanted, run edgekeep agent accept-hub FINGERPRINT as root on this machine.",
  },
  hub_forked: {
    title: "Two hubs speak with one key",
    severity: "error",
    cause: "The hub shows another state at the same position: a copy of it runs, or it was restored and went on.",
    remedy:
      "The tunnels stay as they are. Stop the copy; then recover the hub (edgekeep hub recover), or run edgekeep agent accept-hub FINGERPRINT as root on this machine.",
  },
  hub_recovered_needed: {
    title: "The hub began a new history that nobody vouched for",
    severity: "error",
    cause: "The hub shows a newer epoch, but this node has no recovery signed by the admin's key that names it.",
    remedy:
      "Compare the fingerprint of the hub's signing key with its admin, then run edgekeep agent accept-hub FINGERPRINT as root on this machine.",
  },
  mesh_hub_unreachable: {
    title: "The mesh's hub cannot be reached",
    severity: "warning",
    cause: "The hub is down, or the network between is. The tunnels go on with what the hub said last.",
    remedy: "Check the hub and the way to it: edgekeep agent doctor. The agent keeps trying.",
  },
  mesh_hub_wrong_key: {
    title: "Somebody else answers in the hub's place",
    severity: "error",
    cause:
      "The TLS key at the hub's address is none of the pinned ones: a proxy is in between, or the hub was set up anew.",
    remedy:
      "Nothing was sent to it. Find out what answers at the hub's address; a hub with a new key that was not announced needs edgekeep hub recover or joining anew.",
  },
  mesh_removed: {
    title: "The hub no longer knows this node",
    severity: "error",
    cause: "The hub refuses this node's requests: it was removed from the mesh.",
    remedy: "Ask an admin of the hub. If the node is to come back: edgekeep agent leave, then join with a new token.",
  },
  mesh_offline_stopped: {
    title: "The tunnels were stopped for want of the hub",
    severity: "error",
    cause: "The hub was not heard for longer than [agent].max_offline_hours.",
    remedy:
      "Bring the hub or the way to it back: the tunnels start by themselves. To do without: edgekeep agent doctor says how.",
  },
  mesh_storage_failed: {
    title: "The agent cannot write its files",
    severity: "error",
    cause: "The disk is full, read-only or broken. What the hub says is not acted on until it can be written down.",
    remedy: "Free space or mend the disk; the tunnels that work go on, and the agent keeps trying.",
  },
  mesh_state_damaged: {
    title: "The agent's stored state was damaged",
    severity: "warning",
    cause: "The file state.json under [agent].dir cannot be read.",
    remedy: "Check the disk. The hub sends the state again; until then the tunnels of this start are missing.",
  },
  mesh_clock_behind: {
    title: "This machine's clock is behind",
    severity: "warning",
    cause: "The clock shows an earlier time than before: other nodes refuse new WireGuard handshakes from the past.",
    remedy: "Set the clock (timedatectl set-ntp true); tunnels come back when it has passed its earlier time.",
  },
  worker_restarted: {
    title: "The gateway restarted after a crash",
    severity: "warning",
    cause: "The gateway worker ended unexpectedly and the supervisor started it again.",
    remedy: "Read the log for the reason; report it if it happens again.",
  },
});

/** The stable code of a known fault. */
export type FaultCode = keyof typeof faultCatalogue;
