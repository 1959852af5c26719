import { effect, signal } from "@preact/signals";

/** A language of the message catalogue. */
export type Language = "en" | "de";
/** Which colours; `auto` follows the system. */
export type Theme = "auto" | "light" | "dark";

/** The language that is chosen: what was chosen here before, else what the browser prefers. */
export const language = signal<Language>(storedLanguage());
/** The theme that is chosen. */
export const theme = signal<Theme>(storedTheme());
/** Whether dark colours are shown now. */
export const isDark = signal(false);

/** Keeps the document and the browser's storage in step with the preferences. Returns what ends it. */
export function applyPreferences(): () => void {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const settle = () => {
    isDark.value = theme.value === "dark" || (theme.value === "auto" && dark.matches);
  };
  dark.addEventListener("change", settle);
  const endTheme = effect(() => {
    settle();
    if (theme.value === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme.value;
    store("theme", theme.value);
  });
  const endLanguage = effect(() => {
    document.documentElement.lang = language.value;
    store("language", language.value);
  });
  return () => {
    dark.removeEventListener("change", settle);
    endTheme();
    endLanguage();
  };
}

function storedLanguage(): Language {
  const stored = read("language");
  if (stored === "en" || stored === "de") return stored;
  const preferred = typeof navigator === "undefined" ? "" : navigator.language;
  return preferred.toLowerCase().startsWith("de") ? "de" : "en";
}

function storedTheme(): Theme {
  const stored = read("theme");
  return stored === "light" || stored === "dark" ? stored : "auto";
}

function read(key: string): string | null {
  try {
    return globalThis.localStorage?.getItem(`edgekeep.${key}`) ?? null;
  } catch {
    // a browser that keeps no data still shows the page
    return null;
  }
}

function store(key: string, value: string): void {
  try {
    globalThis.localStorage?.setItem(`edgekeep.${key}`, value);
  } catch {
    // as above
  }
}
