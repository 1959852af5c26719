import assert from "node:assert/strict";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { SimulatedAgent } from "../../bench/lib_simulated_agent.ts";
import { heartbeatIntervalMs } from "../../src/mesh/constants.ts";
import { parseJoinToken } from "../../src/mesh/join_token.ts";
import { TestBrowser } from "../lib/browser.ts";
import { edgekeep, HubProcess } from "../lib/hub_process.ts";
import { requires } from "../lib/requires.ts";
import { installAxe, seriousFaults } from "./axe.ts";

const artifacts = new URL("../artifacts/", import.meta.url);
const PASSWORD = "correct horse battery";

/** A hub with people and three nodes: two that reach each other, one behind the relay. */
async function populatedHub(): Promise<
  { readonly hub: HubProcess; readonly nodes: readonly SimulatedAgent[]; readonly close: () => Promise<void> }
> {
  const hub = await HubProcess.start();
  try {
    const passwordFile = join(hub.folder, "password");
    await Deno.writeTextFile(passwordFile, PASSWORD, { mode: 0o600 });
    for (const [name, role] of [["anna", "admin"], ["vera", "viewer"]] as const) {
      const { code, err } = await edgekeep(
        ["user", "add", name, "--role", role, "--password-file", passwordFile, "--project", hub.folder],
      );
      assert.equal(code, 0, err);
    }
    const { out } = await hub.cli("token", "create", "plants", "--uses", "3", "--group", "plc");
    const token = parseJoinToken(/ekj1\.\S+/.exec(out)?.[0] ?? "");
    const nodes = [1, 2, 3].map((number) => new SimulatedAgent({ port: hub.ports.api, hub: token.hub }, number));
    for (const node of nodes) {
      await node.register(token);
      await node.start();
    }
    const [north, south, mill] = nodes.map(({ nodeId }) => nodeId);
    const now = new Date().toISOString().slice(0, 19) + "Z";
    const link = (node_id: string | undefined, path: string, rtt_ms: number) => ({
      node_id,
      path,
      rtt_ms,
      last_handshake: now,
      rx: 1_200_000,
      tx: 300_000,
    });
    const links = [
      [link(south, "direct", 12), link(mill, "relay", 48)],
      [link(north, "direct", 12)],
      [link(north, "relay", 48)],
    ];
    const beat = () => Promise.allSettled(nodes.map((node, index) => node.heartbeat(JSON.stringify(links[index]))));
    for (const { status } of await beat()) assert.equal(status, "fulfilled");
    // a node that is not heard for a minute and a half is late; one that a test removed is heard no more
    let last: Promise<unknown> = Promise.resolve();
    const beating = setInterval(() => last = beat(), heartbeatIntervalMs);
    const close = async () => {
      clearInterval(beating);
      await last;
      for (const node of nodes) node.close();
    };
    return { hub, nodes, close };
  } catch (error) {
    await hub[Symbol.asyncDispose]();
    throw error;
  }
}

async function logIn(page: Page, name: string): Promise<void> {
  await page.getByLabel("User name").fill(name);
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByRole("button", { name: "Log in", exact: true }).click();
}

Deno.test({
  name: "the pages of a hub are sound in both widths and colours",
  ...requires("chromium"),
  async fn() {
    await Deno.mkdir(artifacts, { recursive: true });
    const { hub: started, nodes, close } = await populatedHub();
    await using hub = started;
    await using browser = await TestBrowser.launch();
    for (const { width, height } of [{ width: 1440, height: 900 }, { width: 390, height: 844 }]) {
      for (const colorScheme of ["light", "dark"] as const) {
        const { page, context, complaints } = await browser.open(hub.url, { width, height, colorScheme });
        await installAxe(page);
        const sound = async (name: string) => {
          await page.evaluate("scrollTo(0, 0), document.fonts.ready");
          const path = new URL(`${name}-${width}-${colorScheme}.png`, artifacts).pathname;
          await page.screenshot({ path, fullPage: true, animations: "disabled" });
          assert.deepEqual(await seriousFaults(page), [], name);
          const wide = await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
          assert(wide <= 0, `${name} is ${wide} px wider than the screen`);
        };
        await page.goto(hub.url);
        await logIn(page, "anna");
        await page.getByText("3 of 3 nodes online").waitFor();
        await page.getByRole("button", { name: "More about node-1" }).click();
        await page.getByText(nodes[0]?.nodeId ?? "", { exact: true }).waitFor();
        await sound("hub-nodes");
        await page.goto(`${hub.url}/#/mesh/topology`);
        await page.getByRole("img", { name: "3 nodes, 2 tunnels" }).waitFor();
        await page.getByRole("row", { name: /node-(1 and node-3|3 and node-1).*through the hub's relay/ }).waitFor();
        await sound("hub-topology");
        await page.goto(`${hub.url}/#/mesh/policy`);
        await page.getByRole("table", { name: "Who reaches what" }).waitFor();
        await page.getByRole("button", { name: "Add a rule" }).click();
        await sound("hub-policy");
        await page.goto(`${hub.url}/#/mesh/tokens`);
        await page.getByRole("row", { name: /plants.*used up/ }).waitFor();
        await sound("hub-tokens");
        await page.goto(`${hub.url}/#/mesh/keys`);
        await page.getByText(/^h_[0-9a-f]{32}$/).waitFor();
        await sound("hub-keys");
        await page.goto(`${hub.url}/#/security`);
        await page.getByRole("heading", { name: "Exposure" }).waitFor();
        await sound("hub-security");
        assert.deepEqual(complaints, []);
        await context.close();
      }
    }
    await close();
  },
});

Deno.test({
  name: "an engineer's work on a hub's page: a rule tried and put in force, a token made, a node renamed and removed",
  ...requires("chromium"),
  async fn() {
    const { hub: started, close } = await populatedHub();
    await using hub = started;
    await using browser = await TestBrowser.launch();
    const { page, complaints } = await browser.open(hub.url, { width: 1280, height: 900 });
    await page.goto(`${hub.url}/#/mesh/policy`);
    await logIn(page, "anna");
    await page.getByRole("button", { name: "Add a rule" }).click();
    const form = page.getByRole("form", { name: "Add a rule" });
    await form.getByLabel("Name of the rule").fill("scada");
    await form.getByLabel("From").fill("node-1");
    await form.getByLabel("To", { exact: true }).fill("node-2");
    await form.getByLabel("Ports").fill("port 4840");
    await form.getByRole("button", { name: "Take over into the draft" }).click();
    await form.getByText("Not a list of ports").waitFor();
    await form.getByLabel("Ports").fill("4840, 8000-8010");
    await form.getByRole("button", { name: "Take over into the draft" }).click();
    const apply = page.getByRole("button", { name: "Put in force" });
    assert.equal(await apply.isDisabled(), true, "a draft that nobody has tried cannot be put in force");
    await page.getByRole("button", { name: "Try it (dry run)" }).click();
    await page.getByText("node-1 → node-2").waitFor();
    await page.getByRole("status").getByText("tcp/4840, tcp/8000-8010").waitFor();
    await apply.click();
    await page.getByRole("status").getByText(/is in force/).waitFor();
    const matrix = page.getByRole("table", { name: "Who reaches what" });
    await matrix.getByRole("row", { name: /^node-1 / }).getByText("tcp/8000-8010").waitFor();

    await page.goto(`${hub.url}/#/mesh/tokens`);
    await page.getByLabel("What it is for").fill("pump house");
    await page.getByRole("form").getByRole("button", { name: "Make a join token" }).click();
    const secret = await page.getByText(/^ekj1\./).textContent();
    assert.equal(parseJoinToken(secret ?? "").url, `https://127.0.0.1:${hub.ports.api}`);
    await page.getByRole("button", { name: "I have stored it" }).click();
    await page.getByRole("row", { name: /pump house/ }).getByRole("button", { name: "Revoke" }).click();
    await page.getByRole("group").getByRole("button", { name: "Revoke" }).click();
    await page.getByRole("row", { name: /pump house.*revoked/ }).waitFor();

    await page.goto(`${hub.url}/#/mesh/nodes`);
    await page.getByRole("button", { name: "More about node-3" }).click();
    await page.getByLabel("Name", { exact: true }).fill("mill");
    await page.getByLabel("Groups").fill("plc, mills");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("row", { name: /mill.*online.*mills, plc/ }).waitFor();
    await page.getByRole("button", { name: "Remove" }).click();
    await page.getByRole("group", { name: /Remove mill/ }).getByRole("button", { name: "Remove" }).click();
    await page.getByRole("row", { name: /mill.*removed/ }).waitFor();
    await page.getByText("2 of 2 nodes online").waitFor();
    assert.deepEqual(complaints, []);
    await close();
  },
});

Deno.test({
  name: "a viewer sees the mesh and changes nothing",
  ...requires("chromium"),
  async fn() {
    const { hub: started, close } = await populatedHub();
    await using hub = started;
    await using browser = await TestBrowser.launch();
    const { page, complaints } = await browser.open(hub.url, { width: 1280, height: 900 });
    await page.goto(`${hub.url}/#/mesh/nodes`);
    await logIn(page, "vera");
    await page.getByRole("button", { name: "More about node-1" }).click();
    await page.getByText("Identity key").waitFor();
    for (const name of ["Save", "Remove", "New WireGuard keys"]) {
      assert.equal(await page.getByRole("button", { name }).count(), 0, name);
    }
    await page.goto(`${hub.url}/#/mesh/policy`);
    await page.getByText("Changing the policy needs the role engineer.").waitFor();
    assert.equal(await page.getByRole("button", { name: "Add a rule" }).count(), 0);
    await page.goto(`${hub.url}/#/mesh/keys`);
    await page.getByText(/^h_[0-9a-f]{32}$/).waitFor();
    assert.equal(await page.getByRole("button", { name: "New signing key" }).count(), 0);
    await page.goto(`${hub.url}/#/mesh/tokens`);
    await page.getByRole("row", { name: /plants/ }).waitFor();
    assert.equal(await page.getByRole("button", { name: "Make a join token" }).count(), 0);
    assert.deepEqual(complaints, []);
    await close();
  },
});
