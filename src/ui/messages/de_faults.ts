import type { FaultWords } from "./fault_words.ts";

/** The fault catalogue's words in German, by fault code. English ones come from the gateway itself. */
export const deFaults: Readonly<Record<string, FaultWords>> = {
  not_set_up: {
    title: "Nicht eingerichtet",
    cause: "Die Konfiguration nennt keine Datenquelle.",
    remedy: "Einen Abschnitt [chirpstack] mit der Adresse des ChirpStack-Servers und seinem API-Token anlegen.",
  },
  source_unreachable: {
    title: "ChirpStack ist nicht erreichbar",
    cause: "Der Server lehnt Verbindungen ab, antwortet nicht rechtzeitig, oder das Netz dazwischen ist gestört.",
    remedy: "[chirpstack].server_address, Kabel und Firewall prüfen; das Gateway versucht es weiter.",
  },
  source_unauthorized: {
    title: "ChirpStack weist das API-Token ab",
    cause: "Das Token ist falsch, widerrufen oder darf Mandant oder Gerät nicht sehen.",
    remedy:
      "In ChirpStack einen API-Schlüssel anlegen und EDGEKEEP_CHIRPSTACK__API_TOKEN oder api_token_file darauf setzen.",
  },
  source_device_unknown: {
    title: "ChirpStack kennt das Gerät nicht",
    cause: "Die DevEUI der Konfiguration gibt es in ChirpStack nicht, oder das Token darf sie nicht sehen.",
    remedy: "device_id mit der in ChirpStack gezeigten DevEUI vergleichen.",
  },
  stream_silent: {
    title: "Geräteereignisse kommen nicht an",
    cause:
      "ChirpStack hat das Gerät gehört, sein Ereignisstrom liefert aber nichts: das Ereignisprotokoll ist dort aus.",
    remedy:
      'In ChirpStack Geräteereignisse einschalten (monitoring.device_event_log_max_history > 0) oder mode = "poll" setzen.',
  },
  stream_failed: {
    title: "Der Ereignisstrom eines Geräts bricht immer wieder ab",
    cause:
      "ChirpStack beendet den Strom dieses Geräts oder antwortet mit einem Fehler. Andere Geräte sind nicht betroffen.",
    remedy: "Den Grund im Protokoll von ChirpStack nachlesen; das Gateway versucht es weiter.",
  },
  device_decoding: {
    title: "Ein Gerät sendet Werte, die nicht passen",
    cause: "Im dekodierten Objekt des Geräts fehlt der eingestellte Pfad, oder er hat einen anderen Typ.",
    remedy:
      "chirpstack_metric_name und metric_type mit dem dekodierten Objekt auf der Ereignisseite von ChirpStack vergleichen.",
  },
  device_clock_ahead: {
    title: "Ein Zeitstempel liegt in der Zukunft",
    cause: "Das Ereignis trägt eine Zeit, die mehr als fünf Minuten vor der Uhr dieses Rechners liegt.",
    remedy: "Die Uhr dieses Rechners (timedatectl) und die des ChirpStack-Servers prüfen.",
  },
  history_corrupt: {
    title: "Die Historiendatei war beschädigt und wurde beiseitegelegt",
    cause: "SQLite hält die Datei für beschädigt. Sie wurde umbenannt, nie gelöscht; eine neue ist in Gebrauch.",
    remedy:
      "Den Datenträger prüfen. Die alte Datei liegt daneben als *.corrupt-<Zeit>; gerettete Zeilen sind wieder da.",
  },
  history_damaged: {
    title: "Ein Teil der Historie ist nicht lesbar",
    cause: "In der Historiendatei steht nicht, was geschrieben wurde: die Prüfsumme eines Blocks stimmt nicht.",
    remedy:
      "Den Datenträger prüfen. Die Zeilen dieses Blocks fehlen; falls sie wichtig sind, aus einer Sicherung holen.",
  },
  history_backup_failed: {
    title: "Die Historie konnte nicht gesichert werden",
    cause: "Das Schreiben der Kopie nach data_dir/backup schlug fehl: Datenträger voll oder Ordner nicht beschreibbar.",
    remedy: "Platz schaffen oder [storage].backup_keep senken. Der nächste Versuch folgt binnen einer Stunde.",
  },
  history_write_failed: {
    title: "Werte können nicht gespeichert werden",
    cause: "Das Schreiben der Historiendatei schlägt fehl: Datenträger voll, schreibgeschützt oder defekt.",
    remedy:
      "Platz schaffen oder den Datenträger instand setzen. Werte warten bis zu einer Grenze im Speicher; Livewerte gehen weiter.",
  },
  history_reader_down: {
    title: "Die Historie kann nicht gelesen werden",
    cause: "Der Prozess, der die Historiendatei liest, ist stehen geblieben und wird neu gestartet.",
    remedy: "Den Grund im Protokoll nachlesen. Livewerte und Speichern gehen weiter.",
  },
  control_failed: {
    title: "Der Steueranschluss ist nicht erreichbar",
    cause: "Er ist ausgefallen, oder die Datei seines Unix-Sockets wurde gelöscht.",
    remedy: "Den Grund im Protokoll nachlesen; das Gateway versucht es weiter. Messwerte und Webseite laufen.",
  },
  opcua_failed: {
    title: "Der OPC-UA-Server läuft nicht",
    cause: "Sein Anschluss ist ausgefallen.",
    remedy: "Den Grund im Protokoll nachlesen; das Gateway versucht es weiter.",
  },
  opcua_none_remote: {
    title: "OPC UA ist ohne Sicherheit aus dem Netz erreichbar",
    cause: "Die Konfiguration nennt SecurityPolicy None auf einer Adresse, die nicht loopback ist.",
    remedy: '"None" aus [opcua].security_policies entfernen.',
  },
  discovery_server_unreachable: {
    title: "Der OPC-UA-Server ist nicht beim Discovery-Server eingetragen",
    cause:
      "Der Discovery-Server ist nicht erreichbar, lehnt den Eintrag ab, oder ihm wird nicht vertraut. Clients, die die Adresse kennen, verbinden sich trotzdem.",
    remedy:
      "[opcua].discovery_server_url prüfen, und beide Seiten dem Zertifikat der anderen vertrauen lassen: `edgekeep pki trust`. Das Gateway versucht es weiter.",
  },
  certificate_expiring: {
    title: "Das OPC-UA-Zertifikat läuft bald ab",
    cause: "Zertifikate haben ein Enddatum; danach lehnen Clients die Verbindung ab.",
    remedy: "Vor diesem Tag erneuern: `edgekeep pki renew-opcua`, und die Clients dem neuen vertrauen lassen.",
  },
  part_down: {
    title: "Ein Teil des Gateways kann nicht starten",
    cause:
      "Nach einer Änderung der Konfiguration ließ sich der Teil nicht starten: ein belegter Port, eine fehlende Datei.",
    remedy:
      "Die Einzelheit lesen und beheben oder die frühere Konfiguration wiederherstellen; das Gateway versucht es weiter.",
  },
  debug_unlocked: {
    title: "Diagnosefunktionen sind freigegeben",
    cause: "Ein Administrator hat Diagnosefunktionen, etwa das Erzwingen von Werten, für eine Weile freigegeben.",
    remedy: "Sie werden nach Ablauf von selbst wieder gesperrt; `edgekeep ctl debug.lock` sperrt sie sofort.",
  },
  tag_forced: {
    title: "Ein Wert ist erzwungen",
    cause: "Jemand gibt einen eigenen Wert anstelle des Wertes aus dem Feld aus.",
    remedy: "Das Erzwingen aufheben, um wieder den Wert aus dem Feld auszugeben: `edgekeep ctl tags.unforce id=…`.",
  },
  audit_unwritable: {
    title: "Das Audit kann nicht geschrieben werden",
    cause: "Das Schreiben nach data_dir/audit schlägt fehl: Datenträger voll, schreibgeschützt oder defekt.",
    remedy:
      "Platz schaffen oder den Datenträger instand setzen. Einträge warten bis zu einer Grenze im Speicher und werden dann geschrieben.",
  },
  audit_chain_broken: {
    title: "Das Audit wurde verändert oder beschädigt",
    cause:
      "Die Hash-Kette der Audit-Einträge passt nicht: Einträge wurden verändert oder entfernt, oder der Datenträger ist defekt.",
    remedy:
      "`edgekeep audit verify` ausführen, die Dateien in data_dir/audit unverändert aufheben und klären, wer Zugriff hatte.",
  },
  access_store_damaged: {
    title: "Benutzer und Token sind verloren",
    cause:
      "Die Datei access.db in data_dir war beschädigt, abgeschnitten oder nicht lesbar. Wen nur diese Datei kennt, wird nicht eingelassen.",
    remedy:
      "Eine Kopie liegt daneben als access.db.damaged-<Zeit>. Eine Sicherung zurückspielen oder Benutzer auf diesem Rechner neu anlegen: `edgekeep user add`.",
  },
  alarm_store_damaged: {
    title: "Die Datei der Alarme war beschädigt und wurde beiseitegelegt",
    cause:
      "SQLite fand alarms.db beschädigt oder erkannte keine Datenbank. Sie wurde umbenannt, nie gelöscht; eine neue ist in Gebrauch.",
    remedy:
      "Den Datenträger prüfen. Die alte Datei liegt als alarms.db.corrupt-<Zeit> daneben; das Journal beginnt neu.",
  },
  alarm_store_unwritable: {
    title: "Alarme können nicht gespeichert werden",
    cause: "Das Schreiben von alarms.db in data_dir schlägt fehl: Datenträger voll, schreibgeschützt oder defekt.",
    remedy:
      "Platz schaffen oder den Datenträger instand setzen. Alarme gehen weiter; ihre Ereignisse warten bis zu einer Grenze im Speicher.",
  },
  access_store_unwritable: {
    title: "Benutzer und Token können nicht gespeichert werden",
    cause: "Das Schreiben von access.db in data_dir schlägt fehl: Datenträger voll, schreibgeschützt oder defekt.",
    remedy:
      "Platz schaffen oder den Datenträger instand setzen. Wer bekannt ist, wird eingelassen; Änderungen werden bis dahin abgelehnt.",
  },
  pairing_under_attack: {
    title: "Jemand rät Kopplungscodes",
    cause: "Binnen weniger Minuten kamen viele falsche Kopplungscodes. Offene Codes verfallen nach fünf falschen.",
    remedy:
      "Die Adressen im Audit nachlesen, ihnen den Port in der Firewall schließen und danach eine neue Kopplung beginnen.",
  },
  config_user_shadows_stored: {
    title: "Ein gespeicherter Benutzer heißt wie der konfigurierte",
    cause:
      "[opcua].user_name nennt einen Benutzer, der auch gespeichert ist: Es gilt das konfigurierte Passwort, der gespeicherte Benutzer ist ausgesperrt.",
    remedy:
      "Den gespeicherten Benutzer entfernen (`edgekeep user remove`) oder einen anderen [opcua].user_name wählen.",
  },
  tls_certificate_unusable: {
    title: "Das neue Zertifikat für Web und Steuerung ist nicht verwendbar",
    cause:
      "Zertifikat oder Schlüssel von [runtime.tls] wurden geändert und sind nicht lesbar oder gehören nicht zusammen.",
    remedy:
      "Zertifikat und Schlüssel eines Paares hinlegen oder neu erzeugen: `edgekeep pki renew`. Das letzte gültige Paar bleibt.",
  },
  tls_certificate_expiring: {
    title: "Das Zertifikat für Web und Steuerung läuft bald ab",
    cause: "Zertifikate haben ein Enddatum; danach warnen Browser und Clients oder lehnen die Verbindung ab.",
    remedy: "Vor diesem Tag erneuern: `edgekeep pki renew`, oder die neuen Dateien Ihrer CA hinlegen.",
  },
  tls_certificate_expired: {
    title: "Das Zertifikat für Web und Steuerung ist heute nicht gültig",
    cause: "Sein Ende ist vorbei, sein Beginn noch nicht gekommen, oder die Uhr dieses Geräts geht falsch.",
    remedy:
      "Die Uhr prüfen (timedatectl), dann erneuern: `edgekeep pki renew`, oder die neuen Dateien Ihrer CA hinlegen.",
  },
  command_store_failed: {
    title: "Befehle können nicht gespeichert werden",
    cause:
      "commands.db in data_dir lässt sich nicht schreiben: der Datenträger ist voll, schreibgeschützt oder defekt.",
    remedy:
      "Platz schaffen oder den Datenträger richten. Bis dahin werden Befehle abgelehnt, und keiner wird gesendet.",
  },
  command_store_damaged: {
    title: "Der Befehlsspeicher war beschädigt und wurde beiseitegelegt",
    cause:
      "SQLite fand commands.db beschädigt oder keine Datenbank. Sie wurde umbenannt, nie gelöscht; eine neue ist in Gebrauch.",
    remedy:
      "Den Datenträger prüfen und in die Warteschlangen von ChirpStack sehen: laufende Befehle sind nicht mehr bekannt.",
  },
  commands_unreachable: {
    title: "Befehle können nicht an ChirpStack übergeben werden",
    cause: "ChirpStack beantwortet Aufrufe zur Warteschlange des Geräts nicht oder lehnt sie ab.",
    remedy: "ChirpStack und die Rechte seines API-Tokens prüfen. Befehle warten bis zu ihrer Frist.",
  },
  command_unknown: {
    title: "Niemand weiß, ob ein Befehl gesendet wurde",
    cause:
      "Im Moment des Sendens hielt das Gateway an oder brach die Verbindung ab, oder der Befehl verließ die Warteschlange von ChirpStack ungehört.",
    remedy: "Das Gerät ansehen und den Befehl bei Bedarf neu senden: das Gateway wiederholt ihn nicht von selbst.",
  },
  hub_address_unknown: {
    title: "Die Adresse des Hubs ist unbekannt",
    cause: "Der Name in [hub].address, sonst der in [hub].url, lässt sich auf diesem Rechner nicht auflösen.",
    remedy:
      "Die IP-Adresse in [hub].address eintragen oder die Namensauflösung in Ordnung bringen und neu starten. Bis dahin treten Agenten bei und werden bedient, erfahren aber ihre eigene Adresse hinter NAT nicht, und niemand wird weitergeleitet.",
  },
  hub_stopped_signing: {
    title: "Der Hub unterschreibt nichts, bis er wiederhergestellt ist",
    cause:
      "Ein Knoten hat mehr gesehen, als dieser Hub ausgegeben hat: Der Hub stammt aus einer älteren Sicherung, oder zwei laufen mit seinen Schlüsseln.",
    remedy:
      "Den anderen Hub anhalten, falls es einen gibt, dann edgekeep hub recover ausführen. Behauptet es nur ein Knoten, dem nicht zu trauen ist, diesen entfernen. Die Tunnel laufen weiter.",
  },
  hub_state_differs: {
    title: "Ein Knoten hat einen anderen Stand, als der Hub ihm gab",
    cause:
      "Knoten und Hub stehen an derselben Stelle mit verschiedenem Inhalt: Ein zweiter Hub läuft mit denselben Schlüsseln, oder eines der beiden Programme hat einen Fehler.",
    remedy:
      "Sicherstellen, dass dieser Hub nur einmal läuft. Der Knoten holt seinen Stand neu; melden, wenn es bleibt.",
  },
  hub_store_failed: {
    title: "Der Hub kann nichts speichern",
    cause: "Das Schreiben von hub.db schlägt fehl: Der Datenträger ist voll, schreibgeschützt oder defekt.",
    remedy:
      "Platz schaffen oder den Datenträger instand setzen. Knoten können so lange nicht beitreten oder sich ändern; die Tunnel laufen weiter.",
  },
  hub_connections_full: {
    title: "Der Hub hat keinen Platz für weitere Verbindungen",
    cause:
      "Ströme und Anfragen von Agenten, oder jemand, der den Port des Hubs überflutet, halten alle erlaubten Verbindungen.",
    remedy:
      "Im Audit (hub_request_refused) nachsehen, wer von wo fragt, und Fremde vom Port fernhalten. Verbundene Agenten werden weiter bedient; andere versuchen es von selbst erneut.",
  },
  mesh_firewall_changed: {
    title: "Jemand hat die Firewall des Mesh verändert",
    cause:
      "Die nftables-Tabelle des Agenten wurde gelöscht oder verändert, etwa durch 'nft flush ruleset' beim Neustart einer anderen Firewall.",
    remedy:
      "Der Agent stellt sie jedes Mal binnen 10 s wieder her. Herausfinden, was sie ändert, und es von fremden Tabellen abhalten.",
  },
  mesh_firewall_failed: {
    title: "Die Firewall des Mesh kann nicht in Kraft gesetzt werden",
    cause: "Das Programm nft fehlt, lehnt die Regeln ab oder darf sie nicht setzen.",
    remedy:
      "nftables installieren und 'edgekeep agent doctor' ausführen. Ohne Tabelle bleibt der Tunnel geschlossen; der Agent versucht es weiter.",
  },
  mesh_peer_refused: {
    title: "Ein Gegenüber im Mesh wird abgelehnt",
    cause: "Was der Hub von ihm sagt, passt nicht zu dem, was unterschrieben ist oder zuvor galt.",
    remedy:
      "Den Grund lesen. Es bleibt dem Tunnel fern oder bei seinen letzten stimmigen Schlüsseln. Kann es niemand erklären, gilt der Hub als übernommen.",
  },
  mesh_psk_downgrade: {
    title: "Der Hub verlangt schwächere Schlüssel zwischen den Knoten",
    cause: 'Der Hub wurde auf [hub].psk = "hub" umgestellt, oder jemand spricht in seinem Namen.',
    remedy: 'Nichts wird schwächer: Die Tunnel bleiben Ende zu Ende. [hub].psk = "end-to-end" wieder setzen.',
  },
  mesh_peers_failed: {
    title: "Die Tunnel können nicht gesetzt werden",
    cause: "Die WireGuard-Schnittstelle antwortet nicht oder lehnt eine Änderung ab.",
    remedy: "'edgekeep agent doctor' ausführen. Bestehende Tunnel laufen weiter; der Agent versucht es weiter.",
  },
  hub_rolled_back: {
    title: "Der Hub ist in seiner Geschichte zurückgegangen",
    cause:
      "Der Hub zeigt einen älteren Stand, als dieser Knoten schon kennt: Er wurde aus einer Sicherung wiederhergestellt, oder jemand spielt Altes ein.",
    remedy:
      "Die Tunnel bleiben, wie sie sind. Den Hub retten (edgekeep hub recover) oder, wenn die Sicherung gewollt ist, auf diesem Gerät als root edgekeep agent accept-hub FINGERABDRUCK ausführen.",
  },
  hub_forked: {
    title: "Zwei Hubs sprechen mit einem Schlüssel",
    cause:
      "Der Hub zeigt zum selben Stand einen anderen Inhalt: Eine Kopie läuft, oder er wurde wiederhergestellt und lief weiter.",
    remedy:
      "Die Tunnel bleiben, wie sie sind. Die Kopie anhalten; dann den Hub retten (edgekeep hub recover) oder auf diesem Gerät als root edgekeep agent accept-hub FINGERABDRUCK ausführen.",
  },
  hub_recovered_needed: {
    title: "Der Hub begann eine neue Geschichte, für die niemand bürgt",
    cause:
      "Der Hub zeigt eine neuere Epoche, aber dieser Knoten hat keine mit dem Schlüssel des Admins unterschriebene Rettung, die sie nennt.",
    remedy:
      "Den Fingerabdruck des Signaturschlüssels mit dem Admin des Hubs vergleichen, dann auf diesem Gerät als root edgekeep agent accept-hub FINGERABDRUCK ausführen.",
  },
  mesh_hub_unreachable: {
    title: "Der Hub des Mesh ist nicht erreichbar",
    cause:
      "Der Hub läuft nicht, oder das Netz dazwischen fehlt. Die Tunnel arbeiten mit dem, was der Hub zuletzt sagte.",
    remedy: "Hub und Weg dorthin prüfen: edgekeep agent doctor. Der Agent versucht es weiter.",
  },
  mesh_hub_wrong_key: {
    title: "Jemand anderes antwortet anstelle des Hubs",
    cause:
      "Der TLS-Schlüssel an der Adresse des Hubs ist keiner der festgelegten: Ein Proxy ist dazwischen, oder der Hub wurde neu aufgesetzt.",
    remedy:
      "Es wurde nichts dorthin gesendet. Herausfinden, was dort antwortet; ein Hub mit neuem, nicht angekündigtem Schlüssel braucht edgekeep hub recover oder neues Beitreten.",
  },
  mesh_removed: {
    title: "Der Hub kennt diesen Knoten nicht mehr",
    cause: "Der Hub lehnt die Anfragen dieses Knotens ab: Er wurde aus dem Mesh entfernt.",
    remedy:
      "Einen Admin des Hubs fragen. Soll der Knoten zurückkehren: edgekeep agent leave, dann mit einem neuen Token beitreten.",
  },
  mesh_offline_stopped: {
    title: "Die Tunnel wurden mangels Hub angehalten",
    cause: "Der Hub war länger als [agent].max_offline_hours nicht zu hören.",
    remedy:
      "Hub oder Weg dorthin wiederherstellen: Die Tunnel starten von selbst. Was sonst hilft, sagt edgekeep agent doctor.",
  },
  mesh_storage_failed: {
    title: "Der Agent kann seine Dateien nicht schreiben",
    cause:
      "Der Datenträger ist voll, schreibgeschützt oder defekt. Was der Hub sagt, wird erst befolgt, wenn es aufgeschrieben werden kann.",
    remedy:
      "Platz schaffen oder den Datenträger reparieren; arbeitende Tunnel laufen weiter, und der Agent versucht es weiter.",
  },
  mesh_state_damaged: {
    title: "Der gespeicherte Stand des Agenten ist beschädigt",
    cause: "Die Datei state.json unter [agent].dir ist nicht lesbar.",
    remedy: "Den Datenträger prüfen. Der Hub schickt den Stand erneut; bis dahin fehlen die Tunnel dieses Starts.",
  },
  mesh_clock_behind: {
    title: "Die Uhr dieses Geräts geht nach",
    cause:
      "Die Uhr zeigt eine frühere Zeit als schon einmal: Andere Knoten lehnen neue WireGuard-Handshakes aus der Vergangenheit ab.",
    remedy:
      "Die Uhr stellen (timedatectl set-ntp true); die Tunnel kommen zurück, sobald sie ihre frühere Zeit überschritten hat.",
  },
  worker_restarted: {
    title: "Das Gateway ist nach einem Absturz neu gestartet",
    cause: "Der Gateway-Prozess endete unerwartet und wurde vom Aufseher neu gestartet.",
    remedy: "Den Grund im Protokoll nachlesen; melden, wenn es wieder geschieht.",
  },
};
