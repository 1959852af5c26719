/** What the radio diagnostics of a device mean, for the Description of their nodes; the names are ChirpStack's. */
export const diagnosticWords: Readonly<Record<string, string>> = {
  $rssi: "Received signal strength of the newest uplink at the gateway that heard it best",
  $snr: "Signal-to-noise ratio of the newest uplink there",
  $dr: "LoRaWAN data rate index of the newest uplink",
  $fcnt: "LoRaWAN frame counter of the newest uplink",
  $fport: "LoRaWAN FPort of the newest uplink",
  $battery: "Battery level as the device told ChirpStack",
  $margin: "Demodulation margin of the newest status request as the device heard it",
  $lastSeen: "When the device was heard last",
};
