import assert from "node:assert/strict";
import { join } from "node:path";
import { TestBrowser } from "../lib/browser.ts";
import { builtPage } from "../lib/built_page.ts";
import { startGatewayProcess } from "../lib/gateway_process.ts";
import { requires } from "../lib/requires.ts";
import { site, startSimulatedField } from "../lib/site.ts";
import { waitFor } from "../lib/wait_for.ts";

const PASSWORD = "anna's long password";

Deno.test({
  name: "a gateway that nobody has set up yet is taken over in the browser, and stays that way after a restart",
  ...requires("chromium"),
  async fn() {
    await builtPage();
    const folder = await Deno.makeTempDir({ prefix: "edgekeep-fresh-" });
    const field = await startSimulatedField(1);
    try {
      const fresh = site({
        folder,
        chirpstackUrl: field.url,
        devices: field.devices,
        opcua: { user_name: undefined, user_password: undefined },
      });
      const setupCode = join(folder, "data", "setup-code");
      await using browser = await TestBrowser.launch();
      {
        await using gateway = await running(fresh);
        const { page, complaints } = await browser.open(gateway.webUrl, { width: 1280, height: 800 });
        await page.goto(`${gateway.webUrl}/#/security/sessions`);
        await page.getByRole("heading", { name: "Set up this gateway" }).waitFor();
        const refused = await fetch(`${gateway.webUrl}/api/v1/tags`);
        await refused.body?.cancel();
        assert.equal(refused.status, 403, "until then nobody sees anything");
        const code = (await Deno.readTextFile(setupCode)).trim();
        await waitFor("the code on the terminal", () => gateway.output().includes(code));
        await page.getByLabel("Set-up code").fill(code);
        await page.getByLabel("User name of the admin").fill("anna");
        await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
        await page.getByLabel("Password once more").fill(PASSWORD);
        await page.getByRole("button", { name: "Make the admin and log in" }).click();
        await page.getByRole("table", { name: "Sessions" }).getByRole("row", { name: /^anna Web admin/ }).waitFor();
        await page.getByRole("link", { name: "Exposure" }).click();
        await page.getByText("Nothing can be reached from a network.").waitFor();
        await page.getByRole("link", { name: "Certificates" }).click();
        await page.getByText("No client was rejected.").waitFor();
        await page.getByRole("link", { name: "Audit", exact: true }).click();
        await page.getByRole("row", { name: /setup\.claim/ }).waitFor();
        await page.getByRole("button", { name: "Verify the chain" }).click();
        await page.getByText(/The chain is sound/).waitFor();
        assert.deepEqual(complaints, []);
        await assert.rejects(Deno.stat(setupCode), Deno.errors.NotFound, "the code died with the first admin");
        assert.equal(gateway.output().includes(PASSWORD), false);
      }
      {
        await using gateway = await running(fresh);
        const { page } = await browser.open(gateway.webUrl, { width: 1280, height: 800 });
        await page.goto(`${gateway.webUrl}/#/security/users`);
        await page.getByRole("main").getByRole("button", { name: "Log in" }).click();
        await page.getByLabel("User name").fill("anna");
        await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
        await page.getByRole("main").getByRole("button", { name: "Log in", exact: true }).click();
        await page.getByRole("table", { name: "Users" }).getByRole("row", { name: /^anna admin active/ }).waitFor();
      }
    } finally {
      await field.stop();
      await Deno.remove(folder, { recursive: true });
    }
  },
});

async function running(options: Parameters<typeof startGatewayProcess>[0]) {
  const gateway = await startGatewayProcess(options);
  return {
    ...gateway,
    async [Symbol.asyncDispose]() {
      await gateway.end();
    },
  };
}
