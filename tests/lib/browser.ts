import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { chromiumPath } from "./requires.ts";

const args = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** How a page is looked at. */
export interface Look {
  readonly width: number;
  readonly height: number;
  readonly colorScheme?: "light" | "dark";
  readonly locale?: string;
}

/** A page with everything that it complained about. */
export interface WatchedPage {
  readonly page: Page;
  readonly context: BrowserContext;
  /** Errors and warnings of the console, exceptions, refusals of the content security policy, requests elsewhere. */
  readonly complaints: string[];
}

/** A real Chromium with a profile of its own. */
export class TestBrowser implements AsyncDisposable {
  readonly #browser: Browser;

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async launch(): Promise<TestBrowser> {
    const executablePath = chromiumPath();
    if (executablePath === null) throw new Error("Cannot start a browser: Chromium is not installed");
    return new TestBrowser(await chromium.launch({ executablePath, args, headless: true }));
  }

  /** A new page that forgets nothing of what goes wrong. `origin` is the only place it may load from. */
  async open(origin: string, { width, height, colorScheme = "light", locale = "en-GB" }: Look): Promise<WatchedPage> {
    const context = await this.#browser.newContext({ viewport: { width, height }, colorScheme, locale });
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(`exception: ${error.message}`));
    page.on("request", (request) => {
      if (!request.url().startsWith(`${origin}/`)) complaints.push(`request elsewhere: ${request.url()}`);
    });
    // as text: this program knows no document
    await page.addInitScript(`document.addEventListener("securitypolicyviolation", (event) => {
      console.error("policy: " + event.violatedDirective + " " + event.blockedURI);
    });`);
    return { page, context, complaints };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
  }
}
