import type { JsonObject } from "./json_object.ts";
import type { Random } from "./seeded_random.ts";
import { rounded } from "./signals.ts";

/** How a gateway heard a frame. */
export interface Reception {
  readonly gatewayId: string;
  readonly rssi: number;
  readonly snr: number;
}

/** How a frame went over the air. */
export interface Transmission {
  /** EU868 data rate, 0 to 5: SF12 to SF7 at 125 kHz. */
  readonly dr: number;
  readonly frequencyHz: number;
  /** At least one, the best first. */
  readonly receptions: readonly [Reception, ...Reception[]];
}

const gateways = ["02ed9ee0fffe0001", "02ed9ee0fffe0002"] as const;
const channelsHz = [868_100_000, 868_300_000, 868_500_000, 867_100_000, 867_300_000] as const;

/** A device's place on the air: near or far, always the same for one seed. */
export class RadioLink {
  readonly #random: Random;
  readonly #dr: number;
  readonly #rssi: number;

  constructor(random: Random) {
    this.#random = random;
    this.#dr = Math.floor(random() * 6);
    this.#rssi = -112 + this.#dr * 9 + Math.floor(random() * 8);
  }

  /** The air of one frame: fading around the device's own level, sometimes heard by a second gateway. */
  transmit(): Transmission {
    const random = this.#random;
    const best = this.#hear(gateways[0], 0);
    const second = random() < 0.35 ? [this.#hear(gateways[1], 9)] : [];
    return {
      dr: this.#dr,
      frequencyHz: channelsHz[Math.floor(random() * channelsHz.length)] ?? channelsHz[0],
      receptions: [best, ...second],
    };
  }

  #hear(gatewayId: string, lossDb: number): Reception {
    const rssi = Math.round(this.#rssi - lossDb + 6 * (this.#random() - 0.5));
    return { gatewayId, rssi, snr: rounded(Math.max(-19, Math.min(13, (rssi + 110) / 3)) + this.#random(), 1) };
  }
}

/** Longest application payload of a downlink at a data rate of EU868, bytes (RP002-1.0.4 table 7, repeater compatible). */
export function maxPayloadBytes(dr: number): number {
  return dr < 3 ? 51 : dr === 3 ? 115 : 222;
}

/** The modulation of a data rate in the form of ChirpStack's events. */
export function modulation(dr: number): JsonObject {
  return { lora: { bandwidth: 125_000, spreadingFactor: 12 - dr, codeRate: "CR_4_5" } };
}
