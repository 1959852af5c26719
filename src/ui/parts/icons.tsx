import type { ComponentChildren } from "preact";

function Icon({ children, name }: { readonly children: ComponentChildren; readonly name: string }) {
  return (
    <svg class={`icon icon-${name}`} viewBox="0 0 20 20" width="20" height="20" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

/** A tick in a circle: nothing to do. */
export function OkIcon() {
  return (
    <Icon name="ok">
      <circle cx="10" cy="10" r="8" />
      <path d="M6.5 10.4l2.4 2.4 4.8-5.2" />
    </Icon>
  );
}

/** A triangle: needs attention. */
export function WarningIcon() {
  return (
    <Icon name="warning">
      <path d="M10 2.6l8 14.2H2z" />
      <path d="M10 8v4M10 14.4v.1" />
    </Icon>
  );
}

/** An octagon: does not work. */
export function ErrorIcon() {
  return (
    <Icon name="error">
      <path d="M6.7 2h6.6L18 6.7v6.6L13.3 18H6.7L2 13.3V6.7z" />
      <path d="M10 6v4.6M10 13.8v.1" />
    </Icon>
  );
}

/** An i in a circle. */
export function InfoIcon() {
  return (
    <Icon name="info">
      <circle cx="10" cy="10" r="8" />
      <path d="M10 9.4v4.4M10 6.3v.1" />
    </Icon>
  );
}

/** Two sheets. */
export function CopyIcon() {
  return (
    <Icon name="copy">
      <rect x="7" y="7" width="10" height="10" rx="1.5" />
      <path d="M4.5 13H4a1 1 0 0 1-1-1V4a1 1 0 0 1 1-1h8a1 1 0 0 1 1 1v.5" />
    </Icon>
  );
}

/** A tick. */
export function TickIcon() {
  return (
    <Icon name="tick">
      <path d="M4 10.5l4 4 8-9" />
    </Icon>
  );
}

/** A cross. */
export function CloseIcon() {
  return (
    <Icon name="close">
      <path d="M5 5l10 10M15 5L5 15" />
    </Icon>
  );
}

/** A moon. */
export function MoonIcon() {
  return (
    <Icon name="moon">
      <path d="M16.5 12.2A7 7 0 0 1 7.8 3.5a7 7 0 1 0 8.7 8.7z" />
    </Icon>
  );
}

/** A sun. */
export function SunIcon() {
  return (
    <Icon name="sun">
      <circle cx="10" cy="10" r="3.4" />
      <path d="M10 1.8v2M10 16.2v2M1.8 10h2M16.2 10h2M4.2 4.2l1.4 1.4M14.4 14.4l1.4 1.4M15.8 4.2l-1.4 1.4M5.6 14.4l-1.4 1.4" />
    </Icon>
  );
}

/** An arrow to the right. */
export function ArrowIcon() {
  return (
    <Icon name="arrow">
      <path d="M7.5 4.5L13 10l-5.5 5.5" />
    </Icon>
  );
}

/** Head and shoulders. */
export function PersonIcon() {
  return (
    <Icon name="person">
      <circle cx="10" cy="6.6" r="3.6" />
      <path d="M3 17.4c.6-3.6 3.4-5.4 7-5.4s6.4 1.8 7 5.4" />
    </Icon>
  );
}

/** A closed padlock. */
export function LockIcon() {
  return (
    <Icon name="lock">
      <rect x="4" y="9" width="12" height="8.5" rx="1.5" />
      <path d="M6.8 9V6.2a3.2 3.2 0 0 1 6.4 0V9" />
    </Icon>
  );
}

/** A padlock that hangs open. */
export function OpenLockIcon() {
  return (
    <Icon name="open-lock">
      <rect x="4" y="9" width="12" height="8.5" rx="1.5" />
      <path d="M6.8 9V5.2a3.2 3.2 0 0 1 6-1.5" />
    </Icon>
  );
}

/** The mark of the product. */
export function Mark() {
  return (
    <svg class="mark" viewBox="0 0 32 32" width="26" height="26" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="7" class="mark-ground" />
      <path d="M8 24V9.5M8 24h16" class="mark-axis" />
      <path d="M11.5 19.5l4-5 3.5 2.8L24 10" class="mark-line" />
    </svg>
  );
}
