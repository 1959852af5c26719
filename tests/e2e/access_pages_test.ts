import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import type { ClientCertificates, ListedCertificate } from "../../src/operations/client_certificates.ts";
import { TestBrowser } from "../lib/browser.ts";
import { requires } from "../lib/requires.ts";
import { installAxe, seriousFaults } from "./axe.ts";
import { guardedGateway, passwordOf } from "./guarded_gateway.ts";

const artifacts = new URL("../artifacts/", import.meta.url);
const DAY_US = 86_400_000_000;

/** A plant's configuration with every kind of listener: inside, encrypted, in plain text. */
const judged = {
  opcua: { host_ip_address: "0.0.0.0", user_name: "scada", user_password: "a password of the file" },
  runtime: {
    web: { listen: "192.168.10.5:8443", tls: true },
    tls: { mode: "self-managed", cert_path: "/etc/edgekeep/tls/server.pem", key_path: "/etc/edgekeep/tls/server.key" },
    control: { endpoint: "unix:///run/edgekeep/control.sock" },
  },
};

function certificate(subject: string, days: number, seed: number): ListedCertificate {
  const nowUs = Date.now() * 1000;
  const pair = (index: number) => ((index * 37 + seed) % 256).toString(16).toUpperCase().padStart(2, "0");
  return {
    subject,
    issuer: subject,
    names: ["urn:desk-4:client", "desk-4"],
    notBeforeUs: nowUs - 30 * DAY_US,
    notAfterUs: nowUs + days * DAY_US,
    fingerprint: Array.from({ length: 32 }, (_, index) => pair(index)).join(":"),
  };
}

/** A trust list in memory, which keeps what the page does to it. */
function trustList(): ClientCertificates {
  const own = certificate("CN=Edgekeep,O=North field", 3000, 1);
  let trusted = [certificate("CN=UaExpert@desk-4", 300, 5)];
  let rejected = [certificate("CN=WinCC OA,O=Plant IT", 12, 9)];
  return {
    own: () => Promise.resolve(own),
    list: (store) =>
      Promise.resolve(
        store === "application"
          ? { trusted, issuers: [], crls: [], rejected }
          : { trusted: [certificate("CN=Anna", 200, 13)], issuers: [], crls: [], rejected: [] },
      ),
    remove: () => Promise.resolve(null),
    add: () => Promise.resolve(own),
    renew: () => Promise.resolve({ certificate: own, mismatches: [], backups: [] }),
    signingRequest: () => Promise.resolve(""),
    install: () => Promise.resolve({ certificate: own, mismatches: [], backups: [] }),
    trust: (_store, fingerprint) => {
      const found = rejected.find((each) => each.fingerprint === fingerprint) ?? null;
      rejected = rejected.filter((each) => each !== found);
      if (found !== null) trusted = [...trusted, found];
      return Promise.resolve(found);
    },
    reject: (_store, fingerprint) => {
      const found = trusted.find((each) => each.fingerprint === fingerprint) ?? null;
      trusted = trusted.filter((each) => each !== found);
      if (found !== null) rejected = [...rejected, found];
      return Promise.resolve(found);
    },
  };
}

/** Parts of the security page, with what must be seen there before it is looked at. */
const parts: readonly { name: string; visit: (page: Page) => Promise<void> }[] = [
  {
    name: "exposure",
    visit: async (page) => {
      await page.getByText("The same as a table").click();
      await page.getByRole("table", { name: "Exposure map" }).getByText("https 192.168.10.5:8443").waitFor();
      await page.getByRole("button", { name: "ufw" }).click();
    },
  },
  {
    name: "users",
    visit: async (page) => {
      await page.getByRole("button", { name: "Change vera" }).click();
      await page.getByRole("row", { name: /^erik/ }).getByRole("button", { name: "Remove" }).click();
    },
  },
  {
    name: "tokens",
    visit: async (page) => {
      await page.getByLabel("Label").fill("Node-RED");
      await page.getByRole("button", { name: "Make a token" }).click();
      await page.getByRole("region", { name: /The token/ }).waitFor();
    },
  },
  {
    name: "pairing",
    visit: async (page) => {
      await page.getByLabel("Label").fill("Anna's tablet");
      await page.getByRole("button", { name: "Make a code" }).click();
      await page.getByRole("img", { name: "QR code of the link" }).waitFor();
    },
  },
  { name: "sessions", visit: (page) => page.getByRole("row", { name: /^anna/ }).first().waitFor() },
  { name: "certificates", visit: (page) => page.getByText("CN=WinCC OA").waitFor() },
  { name: "debug", visit: (page) => page.getByText("Debug operations are closed.").waitFor() },
  {
    name: "audit",
    visit: async (page) => {
      await page.getByRole("button", { name: "Verify the chain" }).click();
      await page.getByText(/The chain is sound/).waitFor();
      await page.getByRole("button", { name: /Details of record/ }).first().click();
    },
  },
  { name: "account", visit: (page) => page.getByRole("heading", { name: "Change your password" }).waitFor() },
];

for (const { width, height } of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
  for (const colorScheme of ["light", "dark"] as const) {
    Deno.test({
      name: `every face of access is sound at ${width} px in ${colorScheme} colours`,
      ...requires("chromium"),
      async fn(test) {
        await Deno.mkdir(artifacts, { recursive: true });
        await using browser = await TestBrowser.launch();
        const look = { width, height, colorScheme };
        const sound = async (page: Page, name: string) => {
          // a header that sticks would stand in the middle of the picture
          await page.evaluate("scrollTo(0, 0), document.fonts.ready");
          const path = new URL(`${name}-${width}-${colorScheme}.png`, artifacts).pathname;
          await page.screenshot({ path, fullPage: true, animations: "disabled" });
          assert.deepEqual(await seriousFaults(page), []);
          const wide = await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
          assert(wide <= 0, `the page is ${wide} px wider than the screen`);
        };
        {
          await using gateway = await guardedGateway();
          const { page, complaints } = await browser.open(gateway.url, look);
          await installAxe(page);
          await test.step("setup", async () => {
            await page.goto(gateway.url);
            await page.getByRole("heading", { name: "Set up this gateway" }).waitFor();
            await sound(page, "setup");
          });
          assert.deepEqual(complaints, []);
        }
        await using gateway = await guardedGateway({
          judged,
          clientCertificates: trustList(),
          settings: { configUser: { name: "scada", password: "a password of the file" } },
          users: { anna: "admin", erik: "engineer", vera: "viewer" },
        });
        const { page, complaints } = await browser.open(gateway.url, look);
        await installAxe(page);
        await test.step("pair", async () => {
          await page.goto(`${gateway.url}/#/pair?code=ABCD2345`);
          await page.getByRole("heading", { name: "Pair this browser" }).waitFor();
          await sound(page, "pair");
        });
        await test.step("login", async () => {
          await page.goto(`${gateway.url}/#/security`);
          await page.getByRole("heading", { name: "Log in" }).waitFor();
          await sound(page, "login");
        });
        await page.getByLabel("User name").fill("anna");
        await page.getByLabel("Password", { exact: true }).fill(passwordOf("anna"));
        await page.getByRole("button", { name: "Log in", exact: true }).click();
        await page.getByRole("heading", { name: "Exposure" }).waitFor();
        for (const { name, visit } of parts) {
          await test.step(name, async () => {
            await page.goto(`${gateway.url}/#/security/${name}`);
            await visit(page);
            await sound(page, `security-${name}`);
          });
        }
        assert.deepEqual(complaints, []);
      },
    });
  }
}

Deno.test({
  name: "a rejected client is trusted and rejected again, each after a question",
  ...requires("chromium"),
  async fn() {
    await using gateway = await guardedGateway({ clientCertificates: trustList(), users: { anna: "admin" } });
    await using browser = await TestBrowser.launch();
    const { page, complaints } = await browser.open(gateway.url, { width: 1280, height: 800, locale: "de-DE" });
    await page.goto(`${gateway.url}/#/security/certificates`);
    await page.getByLabel("Benutzername").fill("anna");
    await page.getByLabel("Passwort", { exact: true }).fill(passwordOf("anna"));
    await page.getByRole("button", { name: "Anmelden", exact: true }).click();
    await page.getByRole("button", { name: "Vertrauen", exact: true }).click();
    await page.getByRole("group", { name: "CN=WinCC OA,O=Plant IT vertrauen?" }).getByRole("button", {
      name: "Vertrauen",
    })
      .click();
    await page.getByText("CN=WinCC OA,O=Plant IT wird vertraut.").waitFor();
    await page.getByText("Kein Client wurde abgewiesen.").waitFor();
    // behind UaExpert's and before that of a person
    await page.getByRole("button", { name: "Vertrauen entziehen" }).nth(1).click();
    await page.getByRole("group").getByRole("button", { name: "Vertrauen entziehen" }).click();
    await page.getByText("CN=WinCC OA,O=Plant IT wird nicht mehr vertraut.").waitFor();
    await page.getByRole("button", { name: "Vertrauen", exact: true }).waitFor();
    assert.deepEqual(complaints, []);
  },
});
