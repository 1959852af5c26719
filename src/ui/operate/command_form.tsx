import { useState } from "preact/hooks";
import { operateMessages } from "../messages/operate_messages.ts";
import type { ArgumentView, CommandDefinitionView } from "../operate_answers.ts";
import { ChoiceField, Form, SendButton, TextField } from "../parts/form.tsx";
import { format } from "../parts/language.ts";
import { faultOf, TroubleNote } from "../parts/trouble_note.tsx";
import { useAction } from "../parts/use_action.ts";
import { Card, Done } from "../security/part.tsx";
import { may } from "../session/session.ts";
import { argumentValue } from "./argument_value.ts";
import { sendCommand } from "./operate_calls.ts";

/** A form made from a command's arguments. */
export function CommandForm(
  { definition, onSent }: { readonly definition: CommandDefinitionView; readonly onSent: () => void },
) {
  const words = operateMessages.value.commands;
  const { name, enabled } = definition;
  const [given, setGiven] = useState<Readonly<Record<string, string>>>({});
  const [tried, setTried] = useState(false);
  const [done, setDone] = useState<string | null>(null);
  // the same command is sent once, however often an impatient finger or a bad line asks for it
  const [key, setKey] = useState(() => newKey());
  const action = useAction();
  const textOf = (argument: ArgumentView) => given[argument.name] ?? firstText(argument);
  const send = async () => {
    setTried(true);
    setDone(null);
    const args: Record<string, boolean | number | string> = {};
    for (const argument of definition.arguments) {
      const value = argumentValue(argument, textOf(argument));
      if (value === null) return;
      args[argument.name] = value;
    }
    const sent = await action.run(async () => {
      await sendCommand(definition, args, key);
    });
    if (!sent) return;
    setKey(newKey());
    setTried(false);
    setDone(words.sent(name));
    onSent();
  };
  return (
    <Card heading={name}>
      <Done text={done} />
      <TroubleNote trouble={action.trouble} />
      {!enabled ? <p class="hint">{words.off}</p> : (
        <Form label={words.sending(name)} onSend={() => void send()}>
          {definition.arguments.map((argument) => (
            <ArgumentField
              key={argument.name}
              argument={argument}
              label={argument.name === "value" ? name : argument.name}
              text={textOf(argument)}
              fault={tried && argumentValue(argument, textOf(argument)) === null
                ? words.wrong
                : faultOf(action.trouble, `args.${argument.name}`)}
              onText={(text) => {
                setGiven({ ...given, [argument.name]: text });
                // another value is another command
                setKey(newKey());
              }}
            />
          ))}
          <SendButton busy={action.busy} disabled={!may("operator")}>{words.send}</SendButton>
        </Form>
      )}
    </Card>
  );
}

function ArgumentField(
  { argument, label, text, fault, onText }: {
    readonly argument: ArgumentView;
    readonly label: string;
    readonly text: string;
    readonly fault: string | null;
    readonly onText: (text: string) => void;
  },
) {
  const words = operateMessages.value.commands;
  const { type, min, max, values, unit } = argument;
  if (type === "Bool" || values !== null) {
    const choices = type === "Bool"
      ? [{ value: "true", text: words.yes }, { value: "false", text: words.no }]
      : (values ?? []).map((value) => ({ value: String(value), text: `${value} ${unit}`.trim() }));
    return <ChoiceField label={label} value={text} fault={fault} choices={choices} onValue={onText} />;
  }
  const numeric = type !== "String";
  const hint = numeric && min !== null && max !== null
    ? words.range(format.value.value(min), format.value.value(max), unit)
    : unit;
  return (
    <TextField
      label={label}
      value={text}
      fault={fault}
      hint={hint === "" ? undefined : hint}
      autocomplete="off"
      required
      onValue={onText}
    />
  );
}

/** What a choice shows before anybody chose. */
function firstText({ type, values }: ArgumentView): string {
  return type === "Bool" ? "true" : values === null ? "" : String(values[0] ?? "");
}

function newKey(): string {
  // crypto.randomUUID is there on encrypted pages alone
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
