import { useEffect, useState } from "preact/hooks";
import type { NewPairingAnswer, PairingView } from "../access_answers.ts";
import { nowMs } from "../clock.ts";
import { messages } from "../messages/messages.ts";
import { securityMessages } from "../messages/security_messages.ts";
import { ConfirmButton } from "../parts/confirm_button.tsx";
import { CopyButton } from "../parts/copy_button.tsx";
import { InfoIcon } from "../parts/icons.tsx";
import { format } from "../parts/language.ts";
import { QrCode } from "../parts/qr_code.tsx";
import { TroubleNote } from "../parts/trouble_note.tsx";
import { useAction } from "../parts/use_action.ts";
import { useAnswer } from "../parts/use_answer.ts";
import { hrefOf } from "../route.ts";
import { isThisMachine } from "../session/plain_warning.tsx";
import { readPairings, revokePairing, startPairing } from "./access_calls.ts";
import { GrantForm } from "./grant_form.tsx";
import { ListTable } from "./list_table.tsx";
import { Answer, Card, Done, Empty, Part } from "./part.tsx";

/** Another browser may claim a code at any time; the list must not stand still meanwhile. */
const LOOK_MS = 3_000;

/** Pairing: make a code for a device, watch it being claimed, withdraw it. */
export function PairingSection() {
  const words = securityMessages.value;
  const answer = useAnswer(readPairings);
  const action = useAction();
  const [made, setMade] = useState<NewPairingAnswer | null>(null);
  const [done, setDone] = useState<string | null>(null);
  const watching = (answer.value?.length ?? 0) > 0;
  const { reload } = answer;
  useEffect(() => {
    if (!watching) return;
    const timer = setInterval(() => void reload(), LOOK_MS);
    return () => clearInterval(timer);
  }, [watching]);
  const withdraw = async ({ id, label }: PairingView) => {
    setDone(null);
    const worked = await action.run(() => revokePairing(id));
    if (worked && made?.info.id === id) setMade(null);
    await reload();
    if (worked) setDone(words.pairing.withdrawn(label));
  };
  return (
    <Part heading={words.sections.pairing} intro={words.pairing.intro}>
      {made !== null && (
        <MadeCode
          key={made.info.id}
          made={made}
          open={answer.value?.some(({ id }) => id === made.info.id) ?? true}
          onDone={() => setMade(null)}
        />
      )}
      <GrantForm
        words={words.pairing}
        button={words.pairing.start}
        onGrant={async (grant) => {
          const answered = await startPairing(grant);
          setDone(null);
          // the list first: a code that is not on it counts as used
          await reload();
          setMade(answered);
        }}
      />
      <Card heading={words.pairing.open}>
        <Done text={done} />
        <TroubleNote trouble={action.trouble} />
        <Answer answer={answer}>
          {(pairings) =>
            pairings.length === 0 ? <Empty text={words.pairing.none} /> : (
              <ListTable
                label={words.pairing.open}
                items={pairings}
                keyOf={({ id }) => id}
                columns={[
                  { key: "label", heading: words.pairing.columns.label, main: true, cell: ({ label }) => label },
                  { key: "role", heading: words.pairing.columns.role, cell: ({ role }) => messages.value.roles[role] },
                  {
                    key: "left",
                    heading: words.pairing.columns.left,
                    cell: ({ expires }) => format.value.span(Date.parse(expires) - nowMs.value),
                  },
                  {
                    key: "tries",
                    heading: words.pairing.columns.tries,
                    cell: ({ wrongTries }) => words.pairing.triesOf(wrongTries),
                  },
                  { key: "by", heading: words.pairing.columns.by, cell: ({ createdBy }) => createdBy },
                  {
                    key: "actions",
                    heading: words.actions,
                    quiet: true,
                    cell: (pairing) => (
                      <div class="row-actions">
                        <ConfirmButton
                          label={words.pairing.withdraw}
                          question={words.pairing.withdrawQuestion(pairing.label)}
                          busy={action.busy}
                          onConfirm={() => void withdraw(pairing)}
                        />
                      </div>
                    ),
                  },
                ]}
              />
            )}
        </Answer>
        <p class="card-foot">
          {words.pairing.paired} <a href={hrefOf({ page: "security", section: "tokens" })}>{words.sections.tokens}</a>.
        </p>
      </Card>
    </Part>
  );
}

function MadeCode(
  { made, open, onDone }: { readonly made: NewPairingAnswer; readonly open: boolean; readonly onDone: () => void },
) {
  const words = securityMessages.value.pairing;
  const leftMs = Date.parse(made.info.expires) - nowMs.value;
  const over = leftMs <= 0;
  const code = made.code.replaceAll("-", "");
  const link = reachableLink(made);
  return (
    <section class="secret pairing" aria-label={words.heading(made.info.label)}>
      <h3>{words.heading(made.info.label)}</h3>
      {open && !over
        ? (
          <div class="pairing-body">
            <QrCode text={link} label={words.qr} />
            <div class="pairing-words">
              <p class="pairing-code mono" aria-label={`${words.code}: ${code.split("").join(" ")}`} role="img">
                {code.slice(0, 4)}
                <span class="pairing-gap" />
                {code.slice(4)}
              </p>
              <p class="pairing-left">{words.left(clockSpan(leftMs))}</p>
              <p>{words.how(messages.value.login.pair)}</p>
              {isThisMachine(hostOf(link)) && (
                <div class="note">
                  <InfoIcon />
                  <p>{words.onlyHere}</p>
                </div>
              )}
              <p class="secret-text">
                <span class="mono">{link}</span>
                <CopyButton text={link} what={words.link} />
              </p>
            </div>
          </div>
        )
        : <p role="status">{over ? words.over : words.used}</p>}
      <button type="button" class="button" onClick={onDone}>{words.done}</button>
    </section>
  );
}

/** The link on the address that serves this page here, when the gateway knows none or one for its own machine alone. */
function reachableLink({ link, code }: NewPairingAnswer): string {
  return link !== null && (!isThisMachine(hostOf(link)) || isThisMachine(location.hostname))
    ? link
    : `${location.origin}/#/pair?code=${code}`;
}

function hostOf(link: string): string {
  try {
    return new URL(link).hostname;
  } catch {
    return "";
  }
}

/** Minutes and seconds, as a countdown shows them: `4:07`. */
function clockSpan(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}
