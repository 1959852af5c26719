import { messages } from "../messages/messages.ts";
import { operateMessages } from "../messages/operate_messages.ts";
import type { CommandDefinitionView, CommandView } from "../operate_answers.ts";
import { ConfirmButton } from "../parts/confirm_button.tsx";
import { TroubleNote } from "../parts/trouble_note.tsx";
import { useAction } from "../parts/use_action.ts";
import { useAnswer } from "../parts/use_answer.ts";
import { type CommandsRoute, go } from "../route.ts";
import { ListTable } from "../security/list_table.tsx";
import { Ago } from "../security/moments.tsx";
import { Answer, Empty, Part } from "../security/part.tsx";
import { may } from "../session/session.ts";
import { CommandForm } from "./command_form.tsx";
import { cancelCommand, readCommands, readDefinitions } from "./operate_calls.ts";
import { useSteadyAnswer } from "./use_steady_answer.ts";

const EVERY_MS = 2_000;

/** What can be sent to devices, and what became of what was sent. */
export function CommandsPage({ here }: { readonly here: CommandsRoute }) {
  const words = operateMessages.value.commands;
  const heading = messages.value.pages.commands;
  const answer = useAnswer(readDefinitions);
  return (
    <main id="content" class="operate" tabIndex={-1}>
      <h1 class="offscreen">{heading}</h1>
      <Part heading={heading} intro={words.intro}>
        <Answer answer={answer}>
          {(definitions) =>
            definitions.length === 0
              ? <Empty text={words.none} hint={words.noneHint} />
              : <Device definitions={definitions} wanted={here.device} />}
        </Answer>
      </Part>
    </main>
  );
}

function Device(
  { definitions, wanted }: { readonly definitions: readonly CommandDefinitionView[]; readonly wanted: string | null },
) {
  const words = operateMessages.value.commands;
  const devices = new Map(definitions.map(({ device, deviceName }) => [device, deviceName]));
  const device = wanted !== null && devices.has(wanted) ? wanted : definitions[0]?.device ?? "";
  const sent = useSteadyAnswer((signal) => readCommands(device, signal), device, EVERY_MS);
  return (
    <>
      <label class="field">
        <span>{words.device}</span>
        <select value={device} onChange={({ currentTarget }) => go({ page: "commands", device: currentTarget.value })}>
          {[...devices].map(([id, name]) => <option key={id} value={id}>{name} ({id})</option>)}
        </select>
      </label>
      {!may("operator") && <p class="part-intro">{words.viewer}</p>}
      {definitions.filter((definition) => definition.device === device).map((definition) => (
        <CommandForm
          key={`${device}/${definition.name}`}
          definition={definition}
          onSent={() => void sent.reload()}
        />
      ))}
      <h3>{words.recent}</h3>
      <Answer answer={sent}>
        {(commands) => <SentList commands={commands} reload={sent.reload} />}
      </Answer>
    </>
  );
}

function SentList(
  { commands, reload }: { readonly commands: readonly CommandView[]; readonly reload: () => Promise<void> },
) {
  const words = operateMessages.value.commands;
  const action = useAction();
  if (commands.length === 0) return <Empty text={words.nothing} />;
  const cancel = async (id: string) => {
    await action.run(() => cancelCommand(id));
    await reload();
  };
  return (
    <>
      <TroubleNote trouble={action.trouble} />
      <ListTable
        label={words.table}
        items={commands}
        keyOf={({ id }) => id}
        columns={[
          {
            key: "command",
            heading: words.columns.command,
            main: true,
            cell: ({ command, args }) => (
              <span class="alarm-name">
                {command}
                <span class="hint">{argumentText(args)}</span>
              </span>
            ),
          },
          {
            key: "state",
            heading: words.columns.state,
            cell: ({ state, detail }) => (
              <span class={`command-${state}`} title={detail ?? ""}>
                {words.states[state]}
                {detail !== null && <span class="hint">{detail}</span>}
              </span>
            ),
          },
          { key: "by", heading: words.columns.by, cell: ({ by }) => by },
          { key: "sent", heading: words.columns.sent, cell: ({ created }) => <Ago time={created} /> },
          { key: "changed", heading: words.columns.changed, cell: ({ updated }) => <Ago time={updated} /> },
          {
            key: "actions",
            heading: operateMessages.value.actions,
            quiet: true,
            cell: ({ id, command, state }) =>
              may("operator") && (state === "pending" || state === "queued") && (
                <div class="row-actions">
                  <ConfirmButton
                    label={words.cancel}
                    question={words.cancelQuestion(command)}
                    busy={action.busy}
                    onConfirm={() => void cancel(id)}
                  />
                </div>
              ),
          },
        ]}
      />
    </>
  );
}

/** `40`, or `position = 40, seconds = 10` where there are several. */
function argumentText(args: CommandView["args"]): string {
  const words = operateMessages.value.commands;
  const text = (value: boolean | number | string) =>
    value === true ? words.yes : value === false ? words.no : String(value);
  const entries = Object.entries(args);
  const [only] = entries;
  if (entries.length === 1 && only !== undefined && only[0] === "value") return text(only[1]);
  return entries.map(([name, value]) => `${name} = ${text(value)}`).join(", ");
}
