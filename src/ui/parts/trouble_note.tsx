import { ApiError, UnreachableError } from "../api_request.ts";
import { messages } from "../messages/messages.ts";
import { ErrorIcon } from "./icons.tsx";
import type { Trouble } from "./use_action.ts";

/** Says why something was refused and what to do about it. The place is always there, so that readers announce it. */
export function TroubleNote({ trouble }: { readonly trouble: Trouble | null }) {
  return (
    <div class="trouble-place" role="alert">
      {trouble !== null && (
        <div class="note note-error">
          <ErrorIcon />
          <div>
            <p>{troubleText(trouble)}</p>
            {trouble instanceof ApiError && trouble.more.fix !== undefined && <p>{trouble.more.fix}</p>}
          </div>
        </div>
      )}
    </div>
  );
}

/** What went wrong, in one sentence. */
export function troubleText(trouble: Trouble): string {
  if (trouble instanceof UnreachableError) return messages.value.trouble.unreachable;
  if (trouble instanceof ApiError) return withStop(trouble.detail);
  return messages.value.trouble.unexpected(trouble.message);
}

/** The fault of one field of a form; `null` when the trouble is about another or none. */
export function faultOf(trouble: Trouble | null, field: string): string | null {
  return trouble instanceof ApiError && trouble.more.field === field ? withStop(trouble.detail) : null;
}

function withStop(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
