import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { type Look, TestBrowser, type WatchedPage } from "../lib/browser.ts";
import { requires } from "../lib/requires.ts";
import { waitFor } from "../lib/wait_for.ts";
import { installAxe, seriousFaults } from "./axe.ts";
import { guardedGateway, type GuardedOptions, passwordOf } from "./guarded_gateway.ts";

const desk: Look = { width: 1280, height: 800 };

interface Stage {
  readonly gateway: Awaited<ReturnType<typeof guardedGateway>>;
  /** Another browser, with cookies of its own. */
  readonly open: (look?: Look) => Promise<WatchedPage>;
}

function accessTest(name: string, options: GuardedOptions, run: (stage: Stage) => Promise<void>): void {
  Deno.test({
    name,
    ...requires("chromium"),
    async fn() {
      await using gateway = await guardedGateway(options);
      await using browser = await TestBrowser.launch();
      await run({
        gateway,
        open: async (look = desk) => {
          const watched = await browser.open(gateway.url, look);
          await installAxe(watched.page);
          return watched;
        },
      });
    },
  });
}

const send = (page: Page) => page.getByRole("button", { name: "Log in", exact: true }).click();

async function fillLogin(page: Page, user: string, password: string): Promise<void> {
  await page.getByLabel("User name").fill(user);
  await page.getByLabel("Password", { exact: true }).fill(password);
  await send(page);
}

async function logIn(page: Page, user: string): Promise<void> {
  await fillLogin(page, user, passwordOf(user));
  await page.getByRole("button", { name: new RegExp(`Your account: ${user}`) }).waitFor();
}

/**
 * What a browser says of its own to a refused request, and to the stream that the gateway cuts when the credential ends;
 * the page's words for it are checked where it happens.
 */
const refusedLine =
  /^Failed to load resource: (the server responded with a status of 4\d\d|net::ERR_INCOMPLETE_CHUNKED_ENCODING)/;
const complaintsOf = ({ complaints }: WatchedPage) => complaints.filter((line) => !refusedLine.test(line));

accessTest("the first admin is made with the set-up code and is logged in", {}, async ({ gateway, open }) => {
  const watched = await open();
  const { page } = watched;
  await page.goto(`${gateway.url}/#/tags`);
  await page.getByRole("heading", { name: "Set up this gateway" }).waitFor();
  assert.deepEqual(await seriousFaults(page), []);
  assert.equal(await page.getByRole("navigation").count(), 0, "there is nothing to go to yet");

  const fill = async (code: string, password: string, again: string) => {
    await page.getByLabel("Set-up code").fill(code);
    await page.getByLabel("User name of the admin").fill("anna");
    await page.getByLabel("Password", { exact: true }).fill(password);
    await page.getByLabel("Password once more").fill(again);
    await page.getByRole("button", { name: "Make the admin and log in" }).click();
  };
  const long = passwordOf("anna");
  await fill("2222-2222-2222", long, `${long}!`);
  await page.getByText("The two passwords differ.").waitFor();
  await fill("2222-2222-2222", long, long);
  await page.getByText("The set-up code is wrong").waitFor();
  const code = await gateway.setupCode();
  await fill(code.toLowerCase(), "short", "short");
  await page.getByText("at least 10 characters").first().waitFor();
  assert.deepEqual(await seriousFaults(page), []);
  await fill(code.toLowerCase(), long, long);
  await page.getByRole("row", { name: /active energy/ }).first().waitFor();
  await page.getByRole("button", { name: /Your account: anna/ }).waitFor();
  assert.deepEqual(gateway.access.users().map(({ name, role }) => [name, role]), [["anna", "admin"]]);
  assert.deepEqual(complaintsOf(watched), []);
});

accessTest("a login leads where the address points, and logging out forgets everything", {
  users: { anna: "admin" },
}, async ({ gateway, open }) => {
  const watched = await open();
  const { page } = watched;
  await page.goto(`${gateway.url}/#/tags?search=voltage`);
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  assert.equal(await page.title(), "Log in · Edgekeep");
  assert.deepEqual(await seriousFaults(page), []);
  await logIn(page, "anna");
  await page.getByRole("row", { name: /voltage/ }).first().waitFor();
  assert.match(page.url(), /#\/tags\?search=voltage$/);
  await page.getByRole("button", { name: /Your account/ }).click();
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  assert.equal(gateway.access.sessions().length, 0);
  assert.equal(await page.getByText("north-field").count(), 0, "nothing of the gateway is left on the page");
  await page.reload();
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  assert.deepEqual(complaintsOf(watched), []);
});

accessTest("a wrong password gets one sentence, and many of them a countdown", {
  users: { anna: "admin" },
}, async ({ gateway, open }) => {
  const { page } = await open();
  await page.goto(gateway.url);
  const alert = page.getByRole("alert").getByText("The user name or the password is wrong.");
  for (let attempt = 0; attempt < 5; attempt++) {
    await fillLogin(page, "anna", "not her password");
    await alert.waitFor();
    assert.equal(await page.getByLabel("Password", { exact: true }).inputValue(), "", "a wrong password does not stay");
  }
  const told = page.getByRole("form").filter({ hasText: /Too many attempts\. The next one counts in \d+ s\./ })
    .filter({ has: page.getByRole("button", { name: "Log in", exact: true, disabled: true }) });
  // the first wait is one second, which may be over before the browser has asked again; each further one is longer
  await waitFor("the countdown, on a button that waits with it", async () => {
    await fillLogin(page, "anna", "not her password");
    await told.waitFor({ timeout: 3000 });
    return true;
  }, { deadlineMs: 120_000 });
  assert.deepEqual(await seriousFaults(page), []);
  // the wait is over some time, and the right password gets in
  await waitFor(
    "the button to come back",
    () => page.getByRole("button", { name: "Log in", exact: true }).isEnabled(),
    {
      deadlineMs: 120_000,
    },
  );
  await logIn(page, "anna");
});

accessTest("at this machine one looks without a login, and may log in for more", {
  auth: "local",
  users: { anna: "admin" },
}, async ({ gateway, open }) => {
  const watched = await open();
  const { page } = watched;
  await page.goto(`${gateway.url}/#/security/users`);
  await page.getByText("viewer (this machine)").first().waitFor();
  await page.getByText("This part is for the role admin. Yours is viewer.").waitFor();
  await page.getByRole("banner").getByRole("button", { name: "Log in" }).click();
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  await page.getByRole("button", { name: "Go on as viewer without login" }).click();
  await page.getByText("This part is for the role admin.").waitFor();
  await page.getByRole("main").getByRole("button", { name: "Log in" }).click();
  await logIn(page, "anna");
  await page.getByRole("table", { name: "Users" }).waitFor();
  await page.getByRole("button", { name: /Your account/ }).click();
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByText("viewer (this machine)").first().waitFor();
  assert.deepEqual(complaintsOf(watched), []);
});

accessTest("a viewer and an engineer see what is theirs alone", {
  users: { vera: "viewer", erik: "engineer" },
}, async ({ gateway, open }) => {
  const viewer = (await open()).page;
  await viewer.goto(`${gateway.url}/#/security`);
  await logIn(viewer, "vera");
  await viewer.getByRole("heading", { name: "Your account" }).waitFor();
  assert.equal(await viewer.getByRole("navigation", { name: "Part of this page" }).count(), 0);
  await viewer.goto(`${gateway.url}/#/security/audit`);
  await viewer.getByText("This part is for the role admin. Yours is viewer.").waitFor();

  const engineer = (await open()).page;
  await engineer.goto(`${gateway.url}/#/security`);
  await logIn(engineer, "erik");
  await engineer.getByText("Nothing can be reached from a network.").waitFor();
  const parts = engineer.getByRole("navigation", { name: "Part of this page" }).getByRole("link");
  assert.deepEqual(await parts.allTextContents(), ["Exposure", "Certificates", "Your account"]);
});

accessTest("an admin adds, changes and removes users, and the list tells what the gateway knows", {
  settings: { configUser: { name: "scada", password: "a password of the file" } },
  users: { anna: "admin" },
}, async ({ gateway, open }) => {
  const watched = await open();
  const { page } = watched;
  await page.goto(`${gateway.url}/#/security/users`);
  await logIn(page, "anna");
  const table = page.getByRole("table", { name: "Users" });
  await table.getByText("from the configuration").waitFor();
  await table.getByText("[opcua].user_name and user_password").waitFor();

  await page.getByLabel("User name").fill("vera");
  await page.getByLabel("Password", { exact: true }).fill("short");
  await page.getByRole("button", { name: "Add a user" }).click();
  await page.getByText("at least 10 characters").first().waitFor();
  await page.getByLabel("Password", { exact: true }).fill(passwordOf("vera"));
  await page.getByLabel("Role").selectOption("operator");
  await page.getByRole("button", { name: "Add a user" }).click();
  await page.getByText("vera can log in now.").waitFor();
  await table.getByRole("row", { name: /vera operator active/ }).waitFor();

  await page.getByRole("button", { name: "Change vera" }).click();
  const form = page.getByRole("form", { name: "Change vera" });
  await form.getByLabel("Role").selectOption("engineer");
  await form.getByLabel("Switched on").uncheck();
  await form.getByRole("button", { name: "Save" }).click();
  await table.getByRole("row", { name: /vera engineer switched off/ }).waitFor();

  // nobody else is an admin of the store, but the configured user is one
  const vera = table.getByRole("row", { name: /^vera/ });
  await vera.getByRole("button", { name: "Remove" }).click();
  await vera.getByRole("group", { name: "Remove vera and end all sessions?" }).waitFor();
  await page.keyboard.press("Escape");
  assert.equal(gateway.access.users().some(({ name }) => name === "vera"), true, "Escape took it back");
  await vera.getByRole("button", { name: "Remove" }).click();
  await vera.getByRole("group").getByRole("button", { name: "Remove" }).click();
  await page.getByText("vera is removed.").waitFor();
  assert.equal(await table.getByRole("row", { name: /^vera/ }).count(), 0);
  assert.deepEqual(complaintsOf(watched), []);
});

accessTest("a password is changed, the browser stays logged in, and the old one is worth nothing", {
  users: { vera: "viewer" },
}, async ({ gateway, open }) => {
  const { page } = await open();
  await page.goto(`${gateway.url}/#/security/account`);
  await logIn(page, "vera");
  const change = async (old: string, next: string) => {
    await page.getByLabel("Old password").fill(old);
    await page.getByLabel("New password", { exact: true }).fill(next);
    await page.getByLabel("New password once more").fill(next);
    await page.getByRole("button", { name: "Change password" }).click();
  };
  await change("not it at all", "quite another password");
  await page.getByText("the old one is not right").waitFor();
  await change(passwordOf("vera"), "quite another password");
  await page.getByText("Your password is changed.").waitFor();
  await page.getByRole("link", { name: "Overview" }).click();
  await page.getByRole("heading", { level: 1, name: /Working/ }).waitFor();
  const other = (await open()).page;
  await other.goto(gateway.url);
  await fillLogin(other, "vera", passwordOf("vera"));
  await other.getByText("The user name or the password is wrong.").waitFor();
  await fillLogin(other, "vera", "quite another password");
  await other.getByRole("button", { name: /Your account: vera/ }).waitFor();
});

accessTest("a token is seen once, works, is renewed and revoked", {
  users: { anna: "admin" },
}, async ({ gateway, open }) => {
  const watched = await open();
  const { page } = watched;
  await page.goto(`${gateway.url}/#/security/tokens`);
  await logIn(page, "anna");
  await page.getByText("There is no token.").waitFor();
  await page.getByRole("button", { name: "Make a token" }).click();
  await page.getByText("Give it a label.").waitFor();
  await page.getByLabel("Label").fill("Node-RED");
  await page.getByLabel("Lifetime").selectOption("day");
  await page.getByRole("button", { name: "Make a token" }).click();
  const shown = page.getByRole("region", { name: 'The token "Node-RED"' });
  const token = await shown.locator("code").textContent() ?? "";
  const ask = async () => {
    const answer = await fetch(`${gateway.url}/api/v1/whoami`, { headers: { authorization: `Bearer ${token}` } });
    await answer.body?.cancel();
    return answer.status;
  };
  assert.equal(await ask(), 200);
  await shown.getByRole("button", { name: "I have stored it" }).click();
  assert.equal((await page.content()).includes(token), false);
  assert.equal(
    (await page.evaluate<string>("JSON.stringify({ ...localStorage, ...sessionStorage })")).includes(token),
    false,
  );

  const table = page.getByRole("table", { name: "API tokens and paired devices" });
  await page.getByRole("button", { name: 'Renew "Node-RED"' }).click();
  await page.getByRole("form", { name: 'Renew "Node-RED"' }).getByLabel("Lifetime").selectOption("forever");
  await page.getByRole("form").getByRole("button", { name: "Renew", exact: true }).click();
  await table.getByRole("row", { name: /Node-RED API token viewer until revoked/ }).waitFor();
  await table.getByRole("button", { name: "Revoke" }).click();
  await table.getByRole("group", { name: /Revoke "Node-RED" at once/ }).getByRole("button", { name: "Revoke" }).click();
  await page.getByText("There is no token.").waitFor();
  assert.equal(await ask(), 401);
  assert.deepEqual(complaintsOf(watched), []);
});

accessTest("another browser is paired by link, without a trace of code or token", {
  users: { anna: "admin" },
}, async ({ gateway, open }) => {
  const admin = await open();
  await admin.page.goto(`${gateway.url}/#/security/pairing`);
  await logIn(admin.page, "anna");
  await admin.page.getByLabel("Label").fill("Anna's tablet");
  await admin.page.getByLabel("Role").selectOption("operator");
  await admin.page.getByRole("button", { name: "Make a code" }).click();
  const shown = admin.page.getByRole("region", { name: /Pairing code for/ });
  await shown.getByRole("img", { name: "QR code of the link" }).waitFor();
  const link = await shown.getByText(/#\/pair\?code=/).textContent() ?? "";
  assert.deepEqual(await seriousFaults(admin.page), []);

  const tablet = await open({ width: 390, height: 844 });
  await tablet.page.goto(link);
  await tablet.page.getByRole("heading", { name: "Pair this browser" }).waitFor();
  await waitFor("the code to leave the address", () => tablet.page.url() === `${gateway.url}/#/pair`);
  assert.deepEqual(await seriousFaults(tablet.page), []);
  await tablet.page.getByRole("button", { name: "Pair", exact: true }).click();
  await tablet.page.getByText(`It is now logged in as "Anna's tablet" with the role operator.`).waitFor();
  await tablet.page.getByRole("button", { name: "Show the token once" }).click();
  const token = await tablet.page.locator("code").textContent() ?? "";
  assert(token.length > 20);
  await tablet.page.getByRole("link", { name: "Go to the overview" }).click();
  await tablet.page.getByRole("heading", { level: 1, name: /Working/ }).waitFor();
  const kept = await tablet.page.evaluate<string>(
    "JSON.stringify({ ...localStorage, ...sessionStorage }) + document.cookie + document.body.innerHTML",
  );
  assert.equal(kept.includes(token), false);

  await shown.getByText("The code was used: the device is paired.").waitFor();
  await admin.page.getByText("No code is open.").waitFor();
  await admin.page.getByRole("link", { name: "API tokens" }).first().click();
  await admin.page.getByRole("row", { name: /Anna's tablet paired device operator/ }).waitFor();

  // the code is spent
  const third = await open();
  await third.page.goto(link);
  await third.page.getByRole("button", { name: "Pair", exact: true }).click();
  await third.page.getByRole("alert").getByText("the code is not valid").waitFor();
  assert.deepEqual(complaintsOf(admin), []);
  assert.deepEqual(complaintsOf(tablet), []);
});

accessTest("a session that an admin ends leads to the login page, and back to where it was", {
  users: { anna: "admin", vera: "viewer" },
}, async ({ gateway, open }) => {
  const viewer = await open();
  await viewer.page.goto(`${gateway.url}/#/tags?search=voltage`);
  await logIn(viewer.page, "vera");
  await viewer.page.getByRole("row", { name: /voltage/ }).first().waitFor();
  const admin = await open();
  await admin.page.goto(`${gateway.url}/#/security/sessions`);
  await logIn(admin.page, "anna");
  const row = admin.page.getByRole("row", { name: /^vera/ });
  await row.getByRole("button", { name: "End" }).click();
  await row.getByRole("group").getByRole("button", { name: "End" }).click();
  await admin.page.getByText("The session of vera is ended.").waitFor();
  await viewer.page.getByText("Your session has ended.").waitFor();
  assert.equal(await viewer.page.getByText("Connection lost").count(), 0, "the gateway is there");
  assert.equal(await viewer.page.getByRole("row").count(), 0, "nothing stays for whoever comes next");
  await logIn(viewer.page, "vera");
  await viewer.page.getByRole("row", { name: /voltage/ }).first().waitFor();
  assert.deepEqual(complaintsOf(viewer), []);
  assert.deepEqual(complaintsOf(admin), []);
});

accessTest("an access token opens a session too", {
  settings: { controlToken: "0123456789abcdef0123456789abcdef" },
}, async ({ gateway, open }) => {
  const { page } = await open();
  await page.goto(gateway.url);
  await page.getByRole("button", { name: "Access token" }).click();
  await page.getByLabel("Access token", { exact: true }).fill("no such token");
  await send(page);
  await page.getByText("This access token is not valid here").waitFor();
  await page.getByLabel("Access token", { exact: true }).fill("0123456789abcdef0123456789abcdef");
  await send(page);
  await page.getByRole("button", { name: /Your account: control-token/ }).waitFor();
});

accessTest("unlocked debug operations are told on every page until they are closed", {
  users: { anna: "admin", vera: "viewer" },
}, async ({ gateway, open }) => {
  const viewer = (await open()).page;
  await viewer.goto(`${gateway.url}/#/tags`);
  await logIn(viewer, "vera");
  await viewer.getByRole("row", { name: /active energy/ }).first().waitFor();
  const admin = await open();
  await admin.page.goto(`${gateway.url}/#/security/debug`);
  await logIn(admin.page, "anna");
  await admin.page.getByText("Debug operations are closed.").waitFor();
  await admin.page.getByLabel("Minutes").fill("61");
  await admin.page.getByRole("button", { name: "Open debug operations" }).click();
  await admin.page.getByText("Enter 1 to 60 minutes.").waitFor();
  await admin.page.getByLabel("Minutes").fill("5");
  await admin.page.getByRole("button", { name: "Open debug operations" }).click();
  await admin.page.getByText(/Debug operations are open until/).waitFor();
  await viewer.getByText(/Debug operations are open until/).waitFor();
  assert.equal(await viewer.getByRole("button", { name: "Close now" }).count(), 0);
  assert.deepEqual(await seriousFaults(admin.page), []);
  await admin.page.getByRole("link", { name: "Overview" }).click();
  await admin.page.getByRole("button", { name: "Close now" }).click();
  await admin.page.getByText(/Debug operations are open until/).waitFor({ state: "detached" });
  await viewer.getByText(/Debug operations are open until/).waitFor({ state: "detached" });
  assert.deepEqual(complaintsOf(admin), []);
});

accessTest("without the gateway nothing claims to have been done", {
  users: { anna: "admin" },
}, async ({ gateway, open }) => {
  const { page } = await open();
  await page.goto(`${gateway.url}/#/security/users`);
  await logIn(page, "anna");
  await page.getByRole("row", { name: /^anna/ }).waitFor();
  await gateway.stopServer();
  await page.getByRole("alert").getByText("No connection to the gateway since").waitFor();
  await page.getByLabel("User name").fill("vera");
  await page.getByLabel("Password", { exact: true }).fill(passwordOf("vera"));
  await page.getByRole("button", { name: "Add a user" }).click();
  await page.getByRole("alert").getByText("The gateway does not answer.").waitFor();
  assert.equal(await page.getByText("vera can log in now.").count(), 0);
  await page.getByRole("link", { name: "Sessions" }).click();
  await page.getByRole("alert").getByText("The gateway does not answer.").waitFor();
  await page.getByRole("button", { name: "Try again" }).waitFor();
  assert.equal(await page.getByText("Nobody is connected.").count(), 0, "not knowing is not the same as nobody");
  assert.deepEqual(await seriousFaults(page), []);
});

accessTest("the audit tells who tried what, and its chain is verified", {
  users: { anna: "admin" },
}, async ({ gateway, open }) => {
  const { page } = await open();
  await page.goto(`${gateway.url}/#/security/audit`);
  await fillLogin(page, "mallory", "guessing");
  await page.getByText("The user name or the password is wrong.").waitFor();
  await logIn(page, "anna");
  const table = page.getByRole("table", { name: /Audit records/ });
  await table.getByRole("row", { name: /web_auth_failed/ }).waitFor();
  await page.getByLabel("Event").selectOption("web_auth_failed");
  await waitFor("the other events to go", async () => await table.getByRole("row", { name: /login/ }).count() === 0);
  await table.getByRole("button", { name: /Details of record/ }).first().click();
  await table.getByText("mallory").waitFor();
  assert.equal((await page.content()).includes("guessing"), false);
  await page.getByRole("button", { name: "Verify the chain" }).click();
  await page.getByText(/The chain is sound/).waitFor();
  assert.deepEqual(await seriousFaults(page), []);
});

accessTest("a damaged store of credentials is told, with a way in", {
  auth: "local",
  storeText: "this is no database, and never was one".repeat(200),
  settings: { configUser: { name: "scada", password: "a password of the file" } },
}, async ({ gateway, open }) => {
  const { page } = await open();
  await page.goto(gateway.url);
  await page.getByRole("heading", { name: "The list of users and tokens was damaged" }).waitFor();
  assert.deepEqual(await seriousFaults(page), []);
  await page.getByRole("button", { name: "Log in" }).click();
  await fillLogin(page, "scada", "a password of the file");
  await page.getByRole("heading", { level: 1, name: /Not working/ }).waitFor();
});
