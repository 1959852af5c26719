import { useState } from "preact/hooks";
import type { RuleView } from "../mesh_answers.ts";
import { meshMessages } from "../messages/mesh_messages.ts";
import { ChoiceField, Form, SendButton, TextField } from "../parts/form.tsx";
import { parsePorts, portsText } from "./services_of.ts";

const protocols = ["tcp", "udp", "icmp"] as const;

/** Writes a rule into the draft, or changes one. */
export function RuleForm(
  { rule, taken, onTake, onClose }: {
    readonly rule: RuleView | null;
    /** Names of the other rules. */
    readonly taken: readonly string[];
    readonly onTake: (rule: RuleView) => void;
    readonly onClose: () => void;
  },
) {
  const words = meshMessages.value.policy;
  const [id, setId] = useState(rule?.id ?? "");
  const [from, setFrom] = useState(rule?.from.join(", ") ?? "");
  const [to, setTo] = useState(rule?.to.join(", ") ?? "");
  const [protocol, setProtocol] = useState<RuleView["protocol"]>(rule?.protocol ?? "tcp");
  const [ports, setPorts] = useState(portsText(rule?.ports ?? []));
  const [log, setLog] = useState(rule?.log ?? false);
  const [comment, setComment] = useState(rule?.comment ?? "");
  const [asked, setAsked] = useState(false);
  const read = { from: listOf(from), to: listOf(to), ports: protocol === "icmp" ? [] : parsePorts(ports) };
  const faults = {
    id: !/^[A-Za-z0-9_-]{1,64}$/.test(id) ? words.idHint : taken.includes(id) ? words.taken : null,
    from: read.from.length === 0 ? words.missing : null,
    to: read.to.length === 0 ? words.missing : null,
    ports: read.ports === null ? words.badPorts : null,
  };
  const take = () => {
    setAsked(true);
    if (read.ports === null || Object.values(faults).some((fault) => fault !== null)) return;
    onTake({ id, from: read.from, to: read.to, protocol, ports: read.ports, log, comment: comment.trim() });
  };
  const shown = (fault: string | null) => asked ? fault : null;
  return (
    <Form onSend={take} label={rule === null ? words.add : words.editing(rule.id)}>
      <TextField label={words.id} hint={words.idHint} value={id} onValue={setId} fault={shown(faults.id)} code />
      <TextField
        label={words.from}
        hint={words.whoHint}
        value={from}
        onValue={setFrom}
        fault={shown(faults.from)}
        autocomplete="off"
      />
      <TextField
        label={words.to}
        hint={words.whoHint}
        value={to}
        onValue={setTo}
        fault={shown(faults.to)}
        autocomplete="off"
      />
      <ChoiceField
        label={words.protocol}
        value={protocol}
        onValue={(value) => setProtocol(protocols.find((each) => each === value) ?? "tcp")}
        choices={protocols.map((value) => ({ value, text: value }))}
      />
      {protocol !== "icmp" && (
        <TextField
          label={words.ports}
          hint={words.portsHint}
          value={ports}
          onValue={setPorts}
          fault={shown(faults.ports)}
          autocomplete="off"
        />
      )}
      <TextField label={words.comment} value={comment} onValue={setComment} wide />
      <label class="form-check">
        <input type="checkbox" checked={log} onChange={({ currentTarget }) => setLog(currentTarget.checked)} />
        {words.logLabel}
      </label>
      <div class="form-buttons">
        <SendButton busy={false}>{words.take}</SendButton>
        <button type="button" class="button" onClick={onClose}>{meshMessages.value.close}</button>
      </div>
    </Form>
  );
}

function listOf(text: string): string[] {
  return text.split(",").map((part) => part.trim()).filter((part) => part !== "");
}
