import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import type { AuditRecordView } from "../access_answers.ts";
import { nowMs } from "../clock.ts";
import { securityMessages } from "../messages/security_messages.ts";
import { Fact, Facts } from "../parts/facts.tsx";
import { ChoiceField } from "../parts/form.tsx";
import { ErrorIcon } from "../parts/icons.tsx";
import { format } from "../parts/language.ts";
import { TroubleNote } from "../parts/trouble_note.tsx";
import { useAction } from "../parts/use_action.ts";
import { useAnswer } from "../parts/use_answer.ts";
import { readAudit, verifyAudit } from "./access_calls.ts";
import { ListTable } from "./list_table.tsx";
import { Answer, Done, Empty, Part } from "./part.tsx";

const SHOWN = 100;
/** Events by their stable names, which are the same in logs and files, and so in no language. */
const events = [
  "operation",
  "login",
  "logout",
  "web_auth_failed",
  "web_csrf_rejected",
  "web_host_refused",
  "web_rate_limited",
  "control_auth_failed",
  "control_malformed",
  "opcua_auth_failed",
  "pair_claim_failed",
  "config_reload_attempted",
  "config_reload_succeeded",
  "config_reload_failed",
  "process_started",
  "process_stopped",
] as const;

/** Who did or tried what. */
export function AuditSection() {
  const all = securityMessages.value;
  const words = all.audit;
  const [event, setEvent] = useState("");
  const [open, setOpen] = useState<number | null>(null);
  const answer = useAnswer((signal) => readAudit(SHOWN, event, signal), event);
  return (
    <Part heading={all.sections.audit} intro={words.intro}>
      <Verify>
        <ChoiceField
          label={words.event}
          value={event}
          onValue={setEvent}
          choices={[{ value: "", text: words.all }, ...events.map((name) => ({ value: name, text: name }))]}
        />
        <button type="button" class="button" disabled={answer.busy} onClick={() => void answer.reload()}>
          {all.again}
        </button>
      </Verify>
      <Answer answer={answer}>
        {(records) =>
          records.length === 0 ? <Empty text={words.none} /> : (
            <ListTable
              label={words.table}
              items={records}
              keyOf={({ sequence }) => String(sequence)}
              columns={[
                { key: "time", heading: words.columns.time, cell: ({ time }) => <Moment time={time} /> },
                {
                  key: "event",
                  heading: words.columns.event,
                  main: true,
                  cell: ({ event }) => <span class="mono">{event}</span>,
                },
                {
                  key: "who",
                  heading: words.columns.who,
                  cell: ({ principal }) => principal ?? <span class="hint">{words.unknown}</span>,
                },
                {
                  key: "address",
                  heading: words.columns.address,
                  cell: ({ address, transport }) => (
                    <>
                      <span class="mono">{address}</span> <span class="hint">{transport}</span>
                    </>
                  ),
                },
                { key: "what", heading: words.columns.what, cell: (record) => <What record={record} /> },
                { key: "outcome", heading: words.columns.outcome, cell: (record) => <Outcome record={record} /> },
                {
                  key: "actions",
                  heading: all.actions,
                  quiet: true,
                  cell: ({ sequence }) => (
                    <div class="row-actions">
                      <button
                        type="button"
                        class="button button-small"
                        aria-expanded={open === sequence}
                        aria-label={words.details(String(sequence))}
                        onClick={() => setOpen(open === sequence ? null : sequence)}
                      >
                        {words.more}
                      </button>
                    </div>
                  ),
                },
              ]}
              more={(record) => open === record.sequence ? <Details record={record} /> : null}
            />
          )}
      </Answer>
    </Part>
  );
}

function Moment({ time }: { readonly time: string }) {
  const timeMs = Date.parse(time);
  return <time dateTime={time} title={time}>{format.value.time(timeMs, nowMs.value)}</time>;
}

function What({ record }: { readonly record: AuditRecordView }) {
  const { operation, target } = record;
  if (operation === null && target === null) return <span class="hint">{securityMessages.value.none}</span>;
  return (
    <>
      {operation !== null && <span class="mono">{operation}</span>}
      {target !== null && <span class="audit-target">{operation === null ? target : ` ${target}`}</span>}
    </>
  );
}

function Outcome({ record }: { readonly record: AuditRecordView }) {
  const { decision, outcome } = record;
  const words = securityMessages.value.audit.decisions;
  if (decision === "denied") {
    return (
      <span class="tone-warning">
        {words.denied}
        {outcome === "ok" ? "" : `: ${outcome}`}
      </span>
    );
  }
  return <span class={outcome === "ok" ? undefined : "tone-warning"}>{outcome === "ok" ? "ok" : outcome}</span>;
}

/** Every field of a record, by its name in the file. */
function Details({ record }: { readonly record: AuditRecordView }) {
  const { fields, ...own } = record;
  const entries = [...Object.entries(own), ...Object.entries(fields ?? {})].filter(([, value]) => value !== null);
  return (
    <Facts>
      {entries.map(([name, value]) => (
        <Fact key={name} name={name}>
          <span class="mono">{Array.isArray(value) ? value.join(", ") : String(value)}</span>
        </Fact>
      ))}
    </Facts>
  );
}

/** The bar above the list, with the check of the chain; what it found is below the bar. */
function Verify({ children }: { readonly children: ComponentChildren }) {
  const words = securityMessages.value.audit;
  const [done, setDone] = useState<string | null>(null);
  const [broken, setBroken] = useState<{ readonly where: string; readonly why: string } | null>(null);
  const action = useAction();
  const { count } = format.value;
  const verify = () => {
    setDone(null);
    setBroken(null);
    return action.run(async () => {
      const found = await verifyAudit();
      if (found.ok) setDone(words.sound(count(found.records), count(found.files)));
      else {
        const { file, line, text } = found.problem ?? { file: "?", line: 0, text: "" };
        setBroken({ where: words.broken(file, String(line)), why: text });
      }
    });
  };
  return (
    <>
      <div class="audit-bar">
        {children}
        <button type="button" class="button" disabled={action.busy} aria-busy={action.busy} onClick={verify}>
          {words.verify}
        </button>
      </div>
      <Done text={done} />
      <div class="trouble-place" role="alert">
        {broken !== null && (
          <div class="note note-error">
            <ErrorIcon />
            <div>
              <p>{broken.where}</p>
              <p>{broken.why}</p>
            </div>
          </div>
        )}
      </div>
      <TroubleNote trouble={action.trouble} />
    </>
  );
}
