import { type HubApi, type HubApiOptions, startHubApi } from "../../src/hub/api/start_hub_api.ts";
import { makeServerCertificate } from "../../src/tls/make_certificate.ts";
import { FaultBoard } from "../../src/telemetry/fault_board.ts";
import { HubApiClient } from "./hub_api_client.ts";
import { MemoryAudit } from "./memory_audit.ts";
import { MemoryHubCore } from "./memory_hub_core.ts";

let pair: Promise<{ cert: string; key: string }> | null = null;

/** A certificate for this test run. */
export function hubCertificate(): Promise<{ cert: string; key: string }> {
  return pair ??= makeServerCertificate({ names: ["localhost", "127.0.0.1"] });
}

/** The hub's API on loopback with a core in memory, and a client of it. */
export class HubApiWorld implements AsyncDisposable {
  private constructor(
    readonly core: MemoryHubCore,
    readonly api: HubApi,
    readonly client: HubApiClient,
    readonly audit: MemoryAudit,
    readonly faults: FaultBoard,
    /** Moves hub time. */
    readonly clock: { offsetUs: number },
  ) {}

  static async start(options: Partial<HubApiOptions> & { core?: MemoryHubCore } = {}): Promise<HubApiWorld> {
    const clock = { offsetUs: 0 };
    const nowUs = () => Date.now() * 1000 + clock.offsetUs;
    const core = options.core ?? new MemoryHubCore(nowUs);
    const audit = new MemoryAudit();
    const faults = new FaultBoard(nowUs);
    const tls = await hubCertificate();
    const api = await startHubApi({ listen: "127.0.0.1:0", tls, faults, audit, nowUs, ...options, core });
    return new HubApiWorld(core, api, new HubApiClient(api.port), audit, faults, clock);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.api.stop();
  }
}
