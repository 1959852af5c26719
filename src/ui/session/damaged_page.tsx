import { messages } from "../messages/messages.ts";
import { Entrance } from "./entrance.tsx";
import { loginReason } from "./session.ts";

/** Says what happened to the stored credentials, and how to get in all the same. */
export function DamagedPage() {
  const words = messages.value.damaged;
  return (
    <Entrance heading={words.heading}>
      <p>{words.what}</p>
      <h2>{words.todo}</h2>
      <ul class="steps">
        <li>{words.login}</li>
        <li>{words.local}</li>
        <li>{words.restore}</li>
      </ul>
      <button type="button" class="button button-main" onClick={() => loginReason.value = "asked"}>{words.send}</button>
    </Entrance>
  );
}
