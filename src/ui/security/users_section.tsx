import { useState } from "preact/hooks";
import type { Role, UserView } from "../access_answers.ts";
import { ApiError } from "../api_request.ts";
import { messages } from "../messages/messages.ts";
import { securityMessages } from "../messages/security_messages.ts";
import { ConfirmButton } from "../parts/confirm_button.tsx";
import { Form, LinesField, SendButton, TextField } from "../parts/form.tsx";
import { faultOf, TroubleNote } from "../parts/trouble_note.tsx";
import { useAction } from "../parts/use_action.ts";
import { useAnswer } from "../parts/use_answer.ts";
import { addUser, readUsers, removeUser, setUser } from "./access_calls.ts";
import { RoleField } from "./grant_fields.tsx";
import { ListTable } from "./list_table.tsx";
import { Ago, Day } from "./moments.tsx";
import { Answer, Card, Done, Empty, Part } from "./part.tsx";

/** Users: add, change, switch off, remove. */
export function UsersSection() {
  const words = securityMessages.value;
  const answer = useAnswer(readUsers);
  const action = useAction();
  const [editing, setEditing] = useState<string | null>(null);
  const [done, setDone] = useState<string | null>(null);
  const remove = async (name: string) => {
    setDone(null);
    const removed = await action.run(() => removeUser(name));
    await answer.reload();
    if (removed) setDone(words.users.removed(name));
  };
  const changed = async (text: string) => {
    setEditing(null);
    await answer.reload();
    setDone(text);
  };
  return (
    <Part heading={words.sections.users} intro={words.users.intro}>
      <Done text={done} />
      <TroubleNote trouble={action.trouble} />
      <Answer answer={answer}>
        {(users) =>
          users.length === 0 ? <Empty text={words.users.none} hint={words.users.noneHint} /> : (
            <ListTable
              label={words.users.table}
              items={users}
              keyOf={({ name, source }) => `${source} ${name}`}
              columns={[
                { key: "name", heading: words.users.columns.name, main: true, cell: ({ name }) => name },
                { key: "role", heading: words.users.columns.role, cell: ({ role }) => messages.value.roles[role] },
                { key: "state", heading: words.users.columns.state, cell: (user) => <State user={user} /> },
                {
                  key: "lastUsed",
                  heading: words.users.columns.lastUsed,
                  cell: ({ lastUsed }) => <Ago time={lastUsed} />,
                },
                { key: "created", heading: words.users.columns.created, cell: ({ created }) => <Day time={created} /> },
                {
                  key: "actions",
                  heading: words.actions,
                  quiet: true,
                  cell: (user) =>
                    user.source === "config" ? null : (
                      <div class="row-actions">
                        <button
                          type="button"
                          class="button button-small"
                          aria-expanded={editing === user.name}
                          aria-label={words.users.editing(user.name)}
                          onClick={() => {
                            setDone(null);
                            setEditing(editing === user.name ? null : user.name);
                          }}
                        >
                          {words.users.edit}
                        </button>
                        <ConfirmButton
                          label={words.users.remove}
                          question={words.users.removeQuestion(user.name)}
                          busy={action.busy}
                          onConfirm={() => void remove(user.name)}
                        />
                      </div>
                    ),
                },
              ]}
              more={(user) =>
                user.source === "config"
                  ? <p class="hint">{words.users.configReason}</p>
                  : editing === user.name
                  ? <EditUser user={user} onDone={changed} onClose={() => setEditing(null)} />
                  : null}
            />
          )}
      </Answer>
      <AddUser
        onDone={async (name) => {
          setDone(null);
          await answer.reload();
          setDone(words.users.added(name));
        }}
      />
    </Part>
  );
}

function State({ user }: { readonly user: UserView }) {
  const words = securityMessages.value.users;
  if (user.source === "config") return <span>{words.config}</span>;
  return user.disabled ? <span class="tone-warning">{words.disabled}</span> : <span>{words.active}</span>;
}

function AddUser({ onDone }: { readonly onDone: (name: string) => Promise<void> }) {
  const words = securityMessages.value.users;
  const [name, setName] = useState("");
  const [password, setPassword] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const action = useAction();
  const send = async () => {
    const added = await action.run(async () => {
      if (name === "" || password === "") throw new ApiError(400, "incomplete", words.missing);
      await addUser({ name, password, role });
    });
    if (!added) return;
    setName("");
    setPassword("");
    await onDone(name);
  };
  const { trouble } = action;
  const atField = ["name", "password"].some((field) => faultOf(trouble, field) !== null);
  return (
    <Card heading={words.add}>
      <Form onSend={send} label={words.add}>
        <TextField
          label={words.name}
          value={name}
          onValue={setName}
          fault={faultOf(trouble, "name")}
          autocomplete="off"
        />
        <TextField
          label={words.password}
          hint={messages.value.setup.passwordHint}
          type="password"
          value={password}
          onValue={setPassword}
          fault={faultOf(trouble, "password")}
          autocomplete="new-password"
        />
        <RoleField role={role} onRole={setRole} />
        <TroubleNote trouble={atField ? null : trouble} />
        <SendButton busy={action.busy}>{words.add}</SendButton>
      </Form>
    </Card>
  );
}

function EditUser(
  { user, onDone, onClose }: {
    readonly user: UserView;
    readonly onDone: (text: string) => Promise<void>;
    readonly onClose: () => void;
  },
) {
  const all = securityMessages.value;
  const words = all.users;
  const [role, setRole] = useState<Role>(user.role);
  const [password, setPassword] = useState("");
  const [enabled, setEnabled] = useState(!user.disabled);
  const [certificates, setCertificates] = useState(user.certificates.join("\n"));
  const action = useAction();
  const send = async () => {
    const listed = certificates.split(/\s+/).filter((line) => line !== "");
    const saved = await action.run(() =>
      setUser(user.name, {
        ...(role === user.role ? {} : { role }),
        ...(password === "" ? {} : { password }),
        ...(enabled === !user.disabled ? {} : { disabled: !enabled }),
        ...(listed.join() === user.certificates.join() ? {} : { certificates: listed }),
      })
    );
    if (saved) await onDone(words.saved(user.name));
  };
  const { trouble } = action;
  const atField = ["password", "certificates"].some((field) => faultOf(trouble, field) !== null);
  return (
    <Form onSend={send} label={words.editing(user.name)}>
      <RoleField role={role} onRole={setRole} />
      <TextField
        label={words.newPassword}
        hint={words.newPasswordHint}
        type="password"
        value={password}
        onValue={setPassword}
        fault={faultOf(trouble, "password")}
        autocomplete="new-password"
      />
      <LinesField
        label={words.certificates}
        hint={words.certificatesHint}
        value={certificates}
        onValue={setCertificates}
        fault={faultOf(trouble, "certificates")}
      />
      <label class="check form-check">
        <input type="checkbox" checked={enabled} onChange={({ currentTarget }) => setEnabled(currentTarget.checked)} />
        {words.enabled}
      </label>
      <TroubleNote trouble={atField ? null : trouble} />
      <div class="form-buttons">
        <SendButton busy={action.busy}>{all.save}</SendButton>
        <button type="button" class="button" onClick={onClose}>{all.close}</button>
      </div>
    </Form>
  );
}
