import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { CertificateContents, CertificateView } from "../access_answers.ts";
import { nowMs } from "../clock.ts";
import { securityMessages } from "../messages/security_messages.ts";
import { ConfirmButton } from "../parts/confirm_button.tsx";
import { CopyButton } from "../parts/copy_button.tsx";
import { Fact, Facts } from "../parts/facts.tsx";
import { format } from "../parts/language.ts";
import { TroubleNote } from "../parts/trouble_note.tsx";
import { useAction } from "../parts/use_action.ts";
import { useAnswer } from "../parts/use_answer.ts";
import { may } from "../session/session.ts";
import {
  type CertificateStore,
  judgeCertificate,
  readCertificates,
  renewCertificate,
  renewOpcUaCertificate,
} from "./access_calls.ts";
import { Answer, Card, Done, Empty, Part } from "./part.tsx";

const SOON_MS = 30 * 86_400_000;

/** What the gateway shows of itself, and which OPC UA clients it trusts. */
export function CertificatesSection() {
  const all = securityMessages.value;
  const words = all.certificates;
  const answer = useAnswer(readCertificates);
  const action = useAction();
  const [done, setDone] = useState<string | null>(null);
  const act = async (work: () => Promise<string>) => {
    setDone(null);
    let text: string | null = null;
    await action.run(async () => {
      text = await work();
    });
    await answer.reload();
    setDone(text);
  };
  const judge = (verdict: "trust" | "reject", store: CertificateStore, { subject, fingerprint }: CertificateView) =>
    act(async () => {
      await judgeCertificate(verdict, store, fingerprint);
      return verdict === "trust" ? words.trusting(subject) : words.rejecting(subject);
    });
  const admin = may("admin");
  return (
    <Part heading={all.sections.certificates} intro={words.intro}>
      <Done text={done} />
      <TroubleNote trouble={action.trouble} />
      <Answer answer={answer}>
        {(answered) => {
          const { server, own } = answered;
          return (
            <>
              <Card heading={words.server}>
                {server === null ? <Empty text={words.serverNone} /> : (
                  <Certificate certificate={server}>
                    {admin && (
                      <ConfirmButton
                        label={words.renew}
                        question={words.renewQuestion}
                        busy={action.busy}
                        onConfirm={() =>
                          void act(async () => {
                            const { notAfter } = await renewCertificate();
                            return words.renewed(format.value.date(Date.parse(notAfter)));
                          })}
                      />
                    )}
                  </Certificate>
                )}
              </Card>
              <Card heading={words.own}>
                {own === null ? <Empty text={words.ownNone} /> : (
                  <Certificate certificate={own}>
                    {admin && (
                      <ConfirmButton
                        label={words.renew}
                        question={words.renewOwnQuestion}
                        busy={action.busy}
                        onConfirm={() =>
                          void act(async () => {
                            const { certificate } = await renewOpcUaCertificate();
                            return words.renewed(format.value.date(Date.parse(certificate.notAfter)));
                          })}
                      />
                    )}
                  </Certificate>
                )}
              </Card>
              {(["application", "users"] as const).map((store) => (
                <Store
                  key={store}
                  store={store}
                  contents={store === "application" ? answered : answered.users}
                  busy={action.busy}
                  admin={admin}
                  onJudge={(verdict, certificate) => void judge(verdict, store, certificate)}
                />
              ))}
            </>
          );
        }}
      </Answer>
    </Part>
  );
}

/** Whom a store trusts, and whom it refused: clients, or people who log in with a certificate. */
function Store(
  { store, contents: { trusted, rejected, issuers, crls }, busy, admin, onJudge }: {
    readonly store: CertificateStore;
    readonly contents: CertificateContents;
    readonly busy: boolean;
    readonly admin: boolean;
    readonly onJudge: (verdict: "trust" | "reject", certificate: CertificateView) => void;
  },
) {
  const all = securityMessages.value.certificates;
  const words = store === "application" ? all.clients : all.people;
  const { date } = format.value;
  return (
    <>
      <Card heading={words.rejected}>
        {rejected.length === 0 ? <Empty text={words.rejectedNone} /> : (
          <>
            <p class="part-intro">{words.rejectedHint}</p>
            {rejected.map((certificate) => (
              <Certificate key={certificate.fingerprint} certificate={certificate}>
                {admin && (
                  <ConfirmButton
                    label={all.trust}
                    question={all.trustQuestion(certificate.subject)}
                    busy={busy}
                    onConfirm={() => onJudge("trust", certificate)}
                  />
                )}
              </Certificate>
            ))}
          </>
        )}
      </Card>
      <Card heading={words.trusted}>
        {trusted.length === 0
          ? <Empty text={words.trustedNone} />
          : trusted.map((certificate) => (
            <Certificate key={certificate.fingerprint} certificate={certificate}>
              {admin && (
                <ConfirmButton
                  label={all.reject}
                  question={all.rejectQuestion(certificate.subject)}
                  busy={busy}
                  onConfirm={() => onJudge("reject", certificate)}
                />
              )}
            </Certificate>
          ))}
        {issuers.map((certificate) => <Certificate key={certificate.fingerprint} certificate={certificate} />)}
        {crls.map(({ issuer, revoked, nextUpdate, fingerprint }) => (
          <p key={fingerprint} class="part-intro">
            {all.crl(issuer, revoked, nextUpdate === null ? null : date(Date.parse(nextUpdate)))}
          </p>
        ))}
      </Card>
    </>
  );
}

function Certificate(
  { certificate, children }: {
    readonly certificate: CertificateView;
    readonly children?: ComponentChildren;
  },
) {
  const words = securityMessages.value.certificates;
  const { subject, issuer, names, notBefore, notAfter, fingerprint } = certificate;
  const leftMs = Date.parse(notAfter) - nowMs.value;
  const { date } = format.value;
  return (
    <div class="certificate">
      <Facts>
        <Fact name={words.subject}>{subject}</Fact>
        {issuer !== subject && <Fact name={words.issuer}>{issuer}</Fact>}
        {names.length > 0 && <Fact name={words.names}>{names.join(", ")}</Fact>}
        <Fact name={words.valid} tone={leftMs <= 0 ? "error" : leftMs < SOON_MS ? "warning" : undefined}>
          {words.validRange(date(Date.parse(notBefore)), date(Date.parse(notAfter)))}
          {leftMs <= 0 ? ` (${words.expired})` : leftMs < SOON_MS ? ` (${words.soon})` : ""}
        </Fact>
      </Facts>
      <p class="fingerprint">
        <span class="hint">{words.fingerprint}</span>
        <span class="fingerprint-text">
          <span class="mono">{fingerprint}</span>
          <CopyButton text={fingerprint} what={words.fingerprint} />
        </span>
      </p>
      {children}
    </div>
  );
}
