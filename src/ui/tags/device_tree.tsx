import { nowMs } from "../clock.ts";
import { tagCells } from "../gateway_state.ts";
import { messages } from "../messages/messages.ts";
import { QualityShape } from "../parts/quality_mark.tsx";
import { go, hrefOf, type Route } from "../route.ts";
import type { ApplicationGroup, DeviceGroup } from "./device_groups.ts";

type TagsRoute = Extract<Route, { page: "tags" }>;

/** Applications and devices, with a mark where values are not good. */
export function DeviceTree(
  { applications, route }: { readonly applications: readonly ApplicationGroup[]; readonly route: TagsRoute },
) {
  const words = messages.value.tags;
  return (
    <nav class="tree" aria-label={words.devices}>
      <a
        class="tree-all"
        href={hrefOf({ ...route, group: null, tag: null })}
        aria-current={route.group === null ? "true" : undefined}
      >
        {words.all}
      </a>
      {applications.map(({ application, devices }) => (
        <section key={application ?? ""}>
          <h2>{application ?? words.gateway}</h2>
          <ul>{devices.map((device) => <DeviceLink key={device.group} device={device} route={route} />)}</ul>
        </section>
      ))}
    </nav>
  );
}

function DeviceLink({ device, route }: { readonly device: DeviceGroup; readonly route: TagsRoute }) {
  const { uncertain, bad } = tagCells.group(device.group).value;
  const words = messages.value.tags;
  return (
    <li>
      <a
        href={hrefOf({ ...route, group: device.group, tag: null })}
        aria-current={route.group === device.group ? "true" : undefined}
        title={device.group}
      >
        <span class="tree-name">{device.name ?? words.gateway}</span>
        {uncertain + bad > 0 && (
          <span class="tree-count">
            <QualityShape standing={bad > 0 ? "bad" : "uncertain"} />
            <span aria-hidden="true">{uncertain + bad}</span>
            <span class="offscreen">{words.notGood(uncertain + bad)}</span>
          </span>
        )}
      </a>
    </li>
  );
}

/** The same choice as a list box, for narrow screens. */
export function DeviceChoice(
  { applications, route }: { readonly applications: readonly ApplicationGroup[]; readonly route: TagsRoute },
) {
  const words = messages.value.tags;
  // the counts in the options follow the clock: one redraw a second is enough for a closed list box
  nowMs.value;
  return (
    <label class="field device-choice">
      <span>{words.device}</span>
      <select
        value={route.group ?? ""}
        onChange={({ currentTarget }) =>
          go({ ...route, group: currentTarget.value === "" ? null : currentTarget.value, tag: null })}
      >
        <option value="">{words.all}</option>
        {applications.map(({ application, devices }) => (
          <optgroup key={application ?? ""} label={application ?? words.gateway}>
            {devices.map(({ group, name }) => {
              const { uncertain, bad } = tagCells.group(group).peek();
              const note = uncertain + bad > 0 ? ` (${words.notGood(uncertain + bad)})` : "";
              return <option key={group} value={group}>{(name ?? words.gateway) + note}</option>;
            })}
          </optgroup>
        ))}
      </select>
    </label>
  );
}
