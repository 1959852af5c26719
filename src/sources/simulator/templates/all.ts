import type { DeviceTemplate } from "../device_template.ts";
import { vendorDevices } from "../vendor_data.ts";
import { anyVendorDevice, type Naming } from "./any_vendor_device.ts";
import { doorContact } from "./door_contact.ts";
import { energyMeter } from "./energy_meter.ts";
import { flakySensor } from "./flaky_sensor.ts";
import { soilProbe } from "./soil_probe.ts";
import { valve } from "./valve.ts";

const vendorNames: Readonly<Record<string, string>> = {
  "milesight-iot": "Milesight",
  "digital-matter": "Digital Matter",
  "sensecap": "SenseCAP",
  "mclimate": "MClimate",
};

const places: Readonly<Record<string, readonly [label: string, applicationName: string]>> = {
  "em300-th": ["Climate sensor", "Building"],
  "uc300": ["I/O controller", "Metering"],
  "vs121": ["People counter", "Building"],
  "at101": ["Asset tracker", "Assets"],
  "ct303": ["Current transformer", "Metering"],
  "gs601": ["Air guard", "Building"],
  "wt101": ["Radiator thermostat", "Building"],
  "am307": ["Room air sensor", "Building"],
  "lds01": ["Door counter", "Building"],
  "PS-LB": ["Pressure sensor", "Metering"],
  "sw3l": ["Flow sensor", "Irrigation"],
  "lt22222-l": ["Relay box", "Irrigation"],
  "lgt92": ["GPS tracker", "Assets"],
  "ltc2": ["Temperature transmitter", "Metering"],
  "wsc1-l": ["Weather node", "Irrigation"],
  "ers-eye": ["Desk sensor", "Building"],
  "dl-atm41": ["Weather station", "Irrigation"],
  "dl-mbx": ["Level sensor", "Irrigation"],
  "dl-pr36ctd-8192-1024": ["Well probe", "Irrigation"],
  "tic-cbe-linky-mono": ["Linky meter", "Metering"],
  "modbus": ["Modbus bridge", "Metering"],
  "temp": ["Cold room sensor", "Building"],
  "pulse": ["Pulse counter", "Metering"],
  "tic-pme-pmi": ["Site meter", "Metering"],
  "t0006129": ["Vehicle tracker", "Assets"],
  "t00061xx": ["Room sensor", "Building"],
  "t000594x": ["Motion tracker", "Assets"],
  "vicki": ["Thermostat", "Building"],
  "tbhh100": ["Humidity sensor", "Building"],
  "sensecap2120-8-in-1": ["Multi weather station", "Irrigation"],
  "oyster": ["Container tracker", "Assets"],
  "asset-tracker-2": ["Pallet tracker", "Assets"],
  "asset-tracker-3": ["Crane tracker", "Assets"],
  "oy1320": ["Gas meter", "Metering"],
  "qalcosonic-w1": ["Water meter", "Metering"],
  "r718n3": ["Machine current", "Metering"],
  "mlr003": ["Radiator valve", "Building"],
  "iq-dsmr-lrw": ["Utility meter", "Metering"],
  "iq-opentherm-lrw": ["Boiler link", "Building"],
  "lw001-bgpro": ["Badge tracker", "Assets"],
};

const handMade: readonly DeviceTemplate[] = [soilProbe, energyMeter, valve, doorContact, flakySensor];
const handMadeIds = new Set(handMade.map(({ id }) => id));

function naming(vendor: string, device: string): Naming {
  const maker = vendorNames[vendor] ?? vendor.charAt(0).toUpperCase() + vendor.slice(1);
  const [label, applicationName] = places[device] ?? [device, "Assets"];
  return { label, applicationName, profileName: `${maker} ${device.toUpperCase()}` };
}

/** Every type of device, in the order in which a fleet takes them: the five hand-made ones, then all other vendors'. */
export const templates: readonly DeviceTemplate[] = [
  ...handMade,
  ...vendorDevices.filter(({ device }) => !handMadeIds.has(device))
    .map((vendor) => anyVendorDevice(vendor, naming(vendor.vendor, vendor.device))),
];
