import type { ExposureView } from "../access_answers.ts";
import { securityMessages } from "../messages/security_messages.ts";
import { LockIcon, OpenLockIcon } from "../parts/icons.tsx";
import { ListTable } from "./list_table.tsx";

/** From the widest reach to the narrowest, as the drawing has them from left to right. */
const reaches = ["any", "lan", "loopback"] as const;

/** Whether others on a network could read and change what goes over a listener. */
export function isRemotePlain({ reach, encryption }: ExposureView): boolean {
  return reach !== "loopback" && encryption === "none";
}

/** `host:port`, `host:first–last`, or the path of a socket. */
export function placeOf({ address, port, lastPort }: ExposureView): string {
  if (port === null) return address;
  const ports = lastPort === undefined ? port : `${port}–${lastPort}`;
  return address.includes(":") ? `[${address}]:${ports}` : `${address}:${ports}`;
}

/**
 * The drawing: zones from the whole network on the left to this machine on the right, and for each port a line from the
 * outermost zone that reaches it. The table below says the same to those who do not see it.
 */
export function ExposureMap({ exposures }: { readonly exposures: readonly ExposureView[] }) {
  const words = securityMessages.value.exposure;
  const sorted = [...exposures].sort((a, b) => reaches.indexOf(a.reach) - reaches.indexOf(b.reach));
  return (
    <div class="map" aria-hidden="true">
      <div class="map-zones">
        {reaches.map((reach) => (
          <div key={reach} class={`map-zone map-zone-${reach}`}>
            <strong>{words.reaches[reach]}</strong>
            <span>{words.reachHints[reach]}</span>
          </div>
        ))}
        <div class="map-gateway">{words.gateway}</div>
      </div>
      {sorted.map((exposure) => (
        <div
          key={`${exposure.listener} ${placeOf(exposure)}`}
          class={`map-row map-${exposure.reach} ${toneOf(exposure)}`}
        >
          <Line exposure={exposure} />
          <div class="map-port">
            <span class="map-port-name">{words.listeners[exposure.listener]}</span>
            <span class="map-port-place mono">{exposure.protocol} {placeOf(exposure)}</span>
            <span class="map-port-proof">{proof(exposure)}</span>
          </div>
        </div>
      ))}
    </div>
  );
}

/** A line of three columns, one for each zone; it begins with a dot in the outermost that reaches the port. */
function Line({ exposure }: { readonly exposure: ExposureView }) {
  const from = reaches.indexOf(exposure.reach) * 100 + 50;
  return (
    <div class="map-line">
      <svg viewBox="0 0 300 20" preserveAspectRatio="none" aria-hidden="true" focusable="false">
        <path d={`M${from} 10H300`} />
      </svg>
      <span class="map-dot" />
      <span class="map-lock">
        {exposure.encryption !== "none" ? <LockIcon /> : isRemotePlain(exposure) ? <OpenLockIcon /> : null}
        {protection(exposure)}
      </span>
    </div>
  );
}

/** What never leaves the machine needs no encryption. */
function protection({ reach, encryption }: ExposureView): string {
  const { encryptions, local } = securityMessages.value.exposure;
  return reach === "loopback" && encryption === "none" ? local : encryptions[encryption];
}

function toneOf(exposure: ExposureView): string {
  return isRemotePlain(exposure) ? "map-plain" : exposure.reach === "loopback" ? "map-inside" : "map-kept";
}

function proof({ authentication }: ExposureView): string {
  const { authentications, nobodyAsked } = securityMessages.value.exposure;
  if (authentication.length === 0) return nobodyAsked;
  return authentication.map((way) =>
    Object.hasOwn(authentications, way) ? authentications[way as keyof typeof authentications] : way
  ).join(" · ");
}

/** The same in words. */
export function ExposureTable({ exposures }: { readonly exposures: readonly ExposureView[] }) {
  const words = securityMessages.value.exposure;
  const { columns } = words;
  return (
    <details class="map-table">
      <summary>{words.table}</summary>
      <ListTable
        label={words.map}
        items={exposures}
        keyOf={(exposure) => `${exposure.listener} ${placeOf(exposure)}`}
        columns={[
          {
            key: "listener",
            heading: columns.listener,
            main: true,
            cell: ({ listener }) => words.listeners[listener],
          },
          {
            key: "address",
            heading: columns.address,
            cell: (exposure) => <span class="mono">{exposure.protocol} {placeOf(exposure)}</span>,
          },
          { key: "reach", heading: columns.reach, cell: ({ reach }) => words.reaches[reach] },
          {
            key: "encryption",
            heading: columns.encryption,
            cell: (exposure) => (
              <span class={isRemotePlain(exposure) ? "tone-bad" : undefined}>
                {protection(exposure)}
              </span>
            ),
          },
          { key: "authentication", heading: columns.authentication, cell: proof },
          { key: "lets", heading: columns.lets, cell: ({ lets }) => lets },
          { key: "key", heading: columns.key, cell: ({ key }) => <span class="mono">{key}</span> },
        ]}
      />
    </details>
  );
}
