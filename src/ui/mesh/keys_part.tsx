import { useState } from "preact/hooks";
import { meshChanges } from "../gateway_state.ts";
import type { KeysView } from "../mesh_answers.ts";
import { meshMessages } from "../messages/mesh_messages.ts";
import { messages } from "../messages/messages.ts";
import { useSteadyAnswer } from "../operate/use_steady_answer.ts";
import { ConfirmButton } from "../parts/confirm_button.tsx";
import { CopyButton } from "../parts/copy_button.tsx";
import { Fact, Facts } from "../parts/facts.tsx";
import { ErrorIcon } from "../parts/icons.tsx";
import { format } from "../parts/language.ts";
import { TroubleNote } from "../parts/trouble_note.tsx";
import { useAction } from "../parts/use_action.ts";
import { Day } from "../security/moments.tsx";
import { Answer, Card, Done, Part } from "../security/part.tsx";
import { may } from "../session/session.ts";
import { readKeys, rotateSigningKey, rotateTlsKey } from "./mesh_calls.ts";

const EVERY_MS = 10_000;

/** The keys that the mesh trusts, and their successors. */
export function KeysPart() {
  const words = meshMessages.value.keys;
  const answer = useSteadyAnswer(readKeys, `${meshChanges.value.keys}`, EVERY_MS);
  const action = useAction();
  const [done, setDone] = useState<string | null>(null);
  const act = async (text: string, work: () => Promise<unknown>) => {
    setDone(null);
    const worked = await action.run(async () => void await work());
    await answer.reload();
    if (worked) setDone(text);
  };
  return (
    <Part heading={messages.value.meshParts.keys} intro={words.intro}>
      <Done text={done} />
      <TroubleNote trouble={action.trouble} />
      <Answer answer={answer}>
        {(keys) => (
          <>
            {keys.stoppedSigning !== null && (
              <div class="note note-error">
                <ErrorIcon />
                <div>
                  <p>{words.stopped}: {keys.stoppedSigning}</p>
                  <p>{words.stoppedHint}</p>
                </div>
              </div>
            )}
            <KeyFacts keys={keys} />
          </>
        )}
      </Answer>
      {may("admin") && (
        <div class="row-actions">
          <ConfirmButton
            label={words.rotateSigning}
            question={words.rotateSigningQuestion}
            busy={action.busy}
            onConfirm={() => void act(words.rotatedSigning, rotateSigningKey)}
          />
          <button
            type="button"
            class="button button-small"
            disabled={action.busy}
            onClick={() => void act(words.rotatedTls, () => rotateTlsKey(false))}
          >
            {words.rotateTls}
          </button>
          {(answer.value?.tlsSpki.length ?? 0) > 1 && (
            <ConfirmButton
              label={words.rotateTlsNow}
              question={words.rotateTlsNowQuestion}
              busy={action.busy}
              onConfirm={() => void act(words.rotatedTlsNow, () => rotateTlsKey(true))}
            />
          )}
        </div>
      )}
    </Part>
  );
}

function KeyFacts({ keys }: { readonly keys: KeysView }) {
  const words = meshMessages.value.keys;
  return (
    <Card>
      <Facts>
        <Fact name={words.hubId}>
          <span class="mono">{keys.hubId}</span>
        </Fact>
        <Fact name={words.epoch}>{format.value.count(keys.epoch)}</Fact>
        <Fact name={words.signing}>
          <Fingerprint text={keys.signingKeySha256} what={words.signing} />
          <span class="hint">
            {words.index(format.value.count(keys.keyIndex))}, {words.since} <Day time={keys.signingKeySince} />
          </span>
        </Fact>
        {keys.previousUntil !== null && (
          <Fact name={words.previous}>
            <Day time={keys.previousUntil} />
          </Fact>
        )}
        <Fact name={words.tls}>
          {keys.tlsSpki.map((pin, index) => (
            <span key={pin} class="mesh-endpoint">
              <Fingerprint text={pin} what={words.tls} /> {index === 0 && <span class="hint">{words.tlsFirst}</span>}
            </span>
          ))}
        </Fact>
        <Fact name={words.tlsUntil}>
          <Day time={keys.tlsNotAfter} />
        </Fact>
        <Fact name={words.admin}>
          {keys.adminKeySha256 === null
            ? (
              <>
                {words.adminNone}
                <br />
                <span class="hint">{words.adminHint}</span>
              </>
            )
            : <Fingerprint text={keys.adminKeySha256} what={words.admin} />}
        </Fact>
        {keys.adminKeySha256 !== null && (
          <Fact name={words.serial}>
            {keys.revocationSerial === null ? words.serialNone : format.value.count(keys.revocationSerial)}
          </Fact>
        )}
      </Facts>
    </Card>
  );
}

/** A hash to compare and to copy. */
function Fingerprint({ text, what }: { readonly text: string; readonly what: string }) {
  return (
    <span class="mesh-hash">
      <code class="mono">{text}</code>
      <CopyButton text={text} what={what} />
    </span>
  );
}
