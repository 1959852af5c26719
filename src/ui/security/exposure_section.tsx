import { useState } from "preact/hooks";
import type { ExposureAnswer, ExposureView, FindingView } from "../access_answers.ts";
import { securityMessages } from "../messages/security_messages.ts";
import { CopyButton } from "../parts/copy_button.tsx";
import { ErrorIcon, InfoIcon, WarningIcon } from "../parts/icons.tsx";
import { useAnswer } from "../parts/use_answer.ts";
import { readExposure } from "./access_calls.ts";
import { ExposureMap, ExposureTable, isRemotePlain } from "./exposure_map.tsx";
import { Answer, Card, Empty, Part } from "./part.tsx";

const icons = { error: ErrorIcon, warning: WarningIcon, note: InfoIcon } as const;

/** Who can reach what, what is wrong with it, and what a firewall should let through. */
export function ExposureSection() {
  const words = securityMessages.value;
  const answer = useAnswer(readExposure);
  return (
    <Part heading={words.sections.exposure} intro={words.exposure.intro}>
      <Answer answer={answer}>{(value) => <Exposure value={value} />}</Answer>
    </Part>
  );
}

function Exposure({ value }: { readonly value: ExposureAnswer }) {
  const words = securityMessages.value.exposure;
  return (
    <>
      <Card>
        {value.exposures.length === 0 ? <Empty text={words.none} /> : (
          <>
            <Summary exposures={value.exposures} />
            <ExposureMap exposures={value.exposures} />
            <ExposureTable exposures={value.exposures} />
          </>
        )}
      </Card>
      <Card heading={words.findings}>
        {value.findings.length === 0 ? <Empty text={words.noFindings} /> : (
          <ul class="findings">
            {value.findings.map((finding, index) => <Finding key={index} finding={finding} />)}
          </ul>
        )}
      </Card>
      <Firewall firewall={value.firewall} />
    </>
  );
}

function Summary({ exposures }: { readonly exposures: readonly ExposureView[] }) {
  const words = securityMessages.value.exposure;
  const remote = exposures.filter(({ reach }) => reach !== "loopback");
  const plain = remote.filter(isRemotePlain);
  const text = plain.length > 0
    ? words.summaryPlain(plain.length)
    : remote.length > 0
    ? words.summaryProtected(remote.length)
    : words.summaryLocal;
  return <p class={plain.length > 0 ? "exposure-summary tone-bad" : "exposure-summary"}>{text}</p>;
}

function Finding({ finding }: { readonly finding: FindingView }) {
  const words = securityMessages.value.exposure;
  const Icon = icons[finding.severity];
  return (
    <li class={`finding fault-${finding.severity}`}>
      <Icon />
      <div>
        <p>
          <span class="offscreen">{words.severities[finding.severity]}:</span>
          <strong>{finding.text}</strong>
        </p>
        {finding.fix !== "" && (
          <p>
            <b>{words.fix}:</b> {finding.fix}
          </p>
        )}
        <p class="hint">
          <span class="mono">{finding.path}</span> · <span class="mono">{finding.rule}</span>
        </p>
      </div>
    </li>
  );
}

function Firewall({ firewall }: { readonly firewall: ExposureAnswer["firewall"] }) {
  const words = securityMessages.value.exposure;
  const [tool, setTool] = useState<"nftables" | "ufw">("nftables");
  const lines = firewall[tool];
  if (firewall.nftables.length === 0 && firewall.ufw.length === 0) {
    return (
      <Card heading={words.firewall}>
        <Empty text={words.firewallNone} />
      </Card>
    );
  }
  const text = lines.join("\n");
  return (
    <Card heading={words.firewall}>
      <p class="part-intro">{words.firewallIntro}</p>
      <div class="firewall-head">
        <div class="segments" role="group" aria-label={words.firewall}>
          {(["nftables", "ufw"] as const).map((each) => (
            <button
              key={each}
              type="button"
              aria-pressed={tool === each}
              onClick={() => setTool(each)}
            >
              {each}
            </button>
          ))}
        </div>
        <CopyButton text={`${text}\n`} what={words.firewall} />
      </div>
      <pre class="mono lines" tabIndex={0} aria-label={`${words.firewall}, ${tool}`}>{text}</pre>
    </Card>
  );
}
