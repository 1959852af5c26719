import assert from "node:assert/strict";
import { join } from "node:path";
import type { Command } from "commander";
import { agentCommand } from "../../src/cli/agent.ts";
import { hubCommand } from "../../src/cli/hub.ts";
import { edgekeepArguments } from "../lib/gateway_process.ts";
import { requires } from "../lib/requires.ts";
import { waitFor } from "../lib/wait_for.ts";
import { EdgekeepProcess } from "../mesh/kit/edgekeep_process.ts";
import type { Machine } from "../mesh/kit/machine.ts";
import { MeshNetwork } from "../mesh/kit/mesh_network.ts";

const root = new URL("../../", import.meta.url);
const HUB_ADDRESS = "203.0.113.1";

/** A machine with a `/etc` and a `/var/lib` of its own, as the pages name them. */
interface Box {
  readonly machine: Machine;
  readonly folder: string;
  /** Runs lines of a page; they must succeed. Gives what they printed. */
  run(commands: string, input?: string): Promise<string>;
}

Deno.test({
  name: "a stranger follows the README's chapter about two sites and the page about the mesh, command by command",
  ...requires("network-namespaces", "wireguard-go", "nft", "ping"),
  fn: async () => {
    const readme = await Deno.readTextFile(new URL("README.md", root));
    const chapter = readme.slice(readme.indexOf("## Two sites in five minutes"), readme.indexOf("## The house"));
    const page = await Deno.readTextFile(new URL("docs/mesh.md", root));
    const unread = [...commandsOf(chapter), ...commandsOf(page)];
    /** The next commands of the pages that begin so; each is taken once. */
    const take = (start: string, count = 1) =>
      Array.from({ length: count }, () => {
        const at = unread.findIndex((line) => line.startsWith(start));
        assert.ok(at >= 0, `The pages have a command ${start}`);
        return unread.splice(at, 1)[0] ?? "";
      }).join("\n");

    await using stack = new AsyncDisposableStack();
    const network = stack.use(await MeshNetwork.create());
    const folder = await Deno.makeTempDir({ prefix: "edgekeep-page-" });
    stack.defer(() => Deno.remove(folder, { recursive: true }));
    const hub = await box(network, await network.publicMachine("hub", HUB_ADDRESS), folder);
    const plant = await box(network, await (await network.site("plant")).machine("plant"), folder);
    const office = await box(network, await (await network.site("office")).machine("office"), folder);

    await hub.run(take("edgekeep hub init"));
    const started = inPlace(take("edgekeep hub run"), hub.folder).split(" ").slice(1);
    const running = new EdgekeepProcess(hub.machine, started);
    stack.defer(async () => void await running.end());
    await waitFor("the hub to be ready", () => {
      assert.equal(running.exitCode, null, running.output());
      return /worker is ready/.test(running.output());
    }, { deadlineMs: 60_000 });

    const tokens = [await hub.run(take("edgekeep hub token")), await hub.run(take("edgekeep hub token"))];
    const join = take("edgekeep agent join");
    const unit = take("edgekeep systemd --agent");
    const start = take("systemctl enable --now edgekeep-agent");
    const peers = take("edgekeep agent peers");
    await Promise.all([plant, office].map(async (site, number) => {
      // what was copied off a terminal, with all that stands below the token
      assert.match(await site.run(join, tokens[number]), /This machine is a node of the mesh/);
      await site.run(unit);
      assert.match(await Deno.readTextFile(`${site.folder}/systemd/edgekeep-agent.service`), /^KillMode=process$/m);
      await site.run(start);
    }));
    const meshIpOf = async (site: Box) => {
      const status = await site.run("edgekeep agent status");
      assert.ok(status.split("\n").slice(0, 9).every((line) => line.length <= 80), status);
      return /^Address: +(10\.100\.0\.\d+) /m.exec(status)?.[1] ?? assert.fail(status);
    };
    const [plantIp, officeIp] = [await meshIpOf(plant), await meshIpOf(office)];
    await waitFor("the office to ping the plant", () => office.machine.reaches(plantIp));
    await waitFor("the plant to ping the office", () => plant.machine.reaches(officeIp));
    await waitFor("the agent to see it", async () => /\bup +(direct|relay)\b/.test(await plant.run(peers)));

    const show = take("edgekeep hub policy show");
    const added = take("cat >> policy.toml");
    await hub.run(`${show}\n${added}`);
    assert.match(await hub.run(take("edgekeep hub policy plan")), /\+tcp\/17777 \+tcp\/4840 \+tcp\/8080/);
    assert.match(await hub.run(take("edgekeep hub policy set")), /In force: version 1/);
    await waitFor(
      "the plant's firewall to let the office in",
      async () => /tcp 4840, 8080, 17777 +scada/.test(await plant.run("edgekeep agent policy explain")),
    );

    // the rule of the page, in the place of the README's
    const rule = blocksOf(page, "toml").find((text) => text.startsWith("[[rule]]")) ?? "";
    await Deno.writeTextFile(`${hub.folder}/rule.toml`, rule);
    assert.match(await hub.run("edgekeep hub policy plan rule.toml"), /\+tcp\/8000-8010/);
    for (const text of [...blocksOf(chapter, "toml"), ...blocksOf(page, "toml")].filter((text) => text !== rule)) {
      await Deno.writeTextFile(`${plant.folder}/control-token`, "a-token-that-is-long-enough-0123456789", {
        mode: 0o600,
      });
      await Deno.writeTextFile(`${plant.folder}/gateway.toml`, text.replaceAll("10.100.0.1", plantIp));
      await plant.run("edgekeep validate --config gateway.toml");
    }

    await hub.run(take("chown"));
    await hub.run(take("edgekeep systemd --hub"));
    assert.match(
      await Deno.readTextFile(`${hub.folder}/systemd/edgekeep-hub.service`),
      /^ExecStart=.* hub run --config /m,
    );
    take("systemctl enable --now edgekeep-hub");

    await hub.run(take("edgekeep hub token create"));
    const list = take("edgekeep hub node list");
    const row = new RegExp(`^(\\S+) +online +${plantIp.replaceAll(".", "\\.")} `, "m");
    const name = await waitFor("the plant to be online", async () => row.exec(await hub.run(list))?.[1]);
    await hub.run(take("edgekeep hub node rename").replace("NAME", name));
    await hub.run(take("edgekeep hub node groups"));
    assert.match(
      await hub.run("edgekeep hub policy explain pump-house pump-house 4840 || [ $? = 4 ]"),
      /may not reach/,
    );

    const recovered = await hub.run(take("edgekeep hub recover --unsigned"));
    const sha256 = /SHA-256 ([0-9a-f]{64})/.exec(recovered)?.[1] ?? assert.fail(recovered);
    const accept = take("edgekeep agent accept-hub").replace("SHA256", sha256);
    await Promise.all([plant.run(accept), office.run(accept)]);

    await hub.run(take("edgekeep hub keys admin-new"));
    await hub.run(take("ssh"));
    await hub.run(take("edgekeep hub keys set-admin"));
    assert.match(await hub.run(take("edgekeep hub keys requests")), /^pump-house +([0-9a-f]{4} ){4}/m);
    assert.match(await hub.run(take("edgekeep hub keys cosign")), /Co-signed: pump-house/);
    assert.match(await hub.run(take("edgekeep hub keys revoke")), /Revoked/);
    assert.match(await hub.run(take("edgekeep hub recover --admin-key")), /^Epoch +2$/m);

    assert.deepEqual(unread, [], "every command of the pages was run");
    assert.ok(await office.machine.reaches(plantIp, 10), "the tunnel outlived it all");
  },
});

Deno.test("every command that the pages name in their sentences is one of the program", async () => {
  const context = {
    gatewayEntry: root,
    hubEntry: root,
    agentEntry: root,
    simulatorEntry: root,
    opcuaPkiEntry: root,
    codePaths: [],
  };
  const tops: Readonly<Record<string, Command>> = { hub: hubCommand(context), agent: agentCommand(context) };
  let count = 0;
  for (const file of ["README.md", "docs/mesh.md", "docs/mesh-security.md"]) {
    const text = await Deno.readTextFile(new URL(file, root));
    for (const [, words = ""] of text.matchAll(/`edgekeep ((?:hub|agent) [^`]+)`/g)) {
      count++;
      const [top = "", ...rest] = words.split(/\s+/);
      let command: Command | undefined = tops[top];
      for (const word of rest) {
        if (word.startsWith("--")) {
          const known = command?.options.some(({ long }) => long === word.split("=")[0]);
          assert.ok(known, `${file}: edgekeep ${words} has the option ${word}`);
        } else if (command !== undefined && command.commands.length > 0) {
          command = command.commands.find((one) => one.name() === word);
          assert.ok(command !== undefined, `${file}: edgekeep ${words} is a command`);
        }
      }
    }
  }
  assert.ok(count >= 10);
});

/** A machine of the network with the tools of an appliance. */
async function box(network: MeshNetwork, machine: Machine, parent: string): Promise<Box> {
  const folder = join(parent, machine.name);
  const bin = join(folder, "bin");
  await Deno.mkdir(join(folder, "systemd"), { recursive: true });
  await Deno.mkdir(bin);
  const config = machine.name === "hub" ? join(folder, "etc", "hub", "edgekeep.toml") : join(folder, "agent.toml");
  if (machine.name !== "hub") {
    const own = { dir: join(folder, "agent"), interface: network.tunnel(machine.name) };
    const lines = Object.entries(own).map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`);
    await Deno.writeTextFile(config, `[agent]\n${lines.join("")}`);
  }
  const program = [Deno.execPath(), ...edgekeepArguments()].map((word) => `'${word}'`).join(" ");
  const tools = {
    edgekeep: `exec ${program} "$@"`,
    // ready when it answers, as a unit of Type=notify
    systemctl: `[ "$*" = "enable --now edgekeep-agent" ] || exit 1
      setsid edgekeep agent run > '${folder}/log' 2>&1 &
      for _ in $(seq 300); do [ -S '${folder}/agent/agent.sock' ] && exit 0; sleep 0.1; done
      cat '${folder}/log'; exit 1`,
    // the user of install.sh is not on this machine
    chown: `[ "$1 $2" = "-R edgekeep:" ] && [ -d "$3" ]`,
    ssh: `[ "$1" = -fNL ] && exec ln -s "\${2#*:}" "\${2%%:*}"`,
  };
  for (const [name, script] of Object.entries(tools)) {
    await Deno.writeTextFile(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  const env = {
    PATH: `${bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin`,
    EDGEKEEP_CONFIG: config,
    NO_COLOR: "1",
  };
  return {
    machine,
    folder,
    run: (commands, input = "") =>
      machine.ok("bash", ["-c", `set -eo pipefail\n${inPlace(commands, folder)}`], { cwd: folder, env, input }),
  };
}

/** A page's words with the places that a test's machine has instead. */
function inPlace(commands: string, folder: string): string {
  return commands.replaceAll("/etc/systemd/system/", `${folder}/systemd/`).replaceAll("/etc/edgekeep", `${folder}/etc`)
    .replaceAll("/root/", `${folder}/`).replace("https://hub.example.com", `https://${HUB_ADDRESS}`);
}

/** The text of each code block in a language. */
function blocksOf(text: string, language: string): string[] {
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].filter(([, found]) => found === language).map((
    [, , body],
  ) => body ?? "");
}

/** Each command of the shell blocks: a line, with what belongs to it below. */
function commandsOf(text: string): string[] {
  return blocksOf(text, "sh").flatMap((block) =>
    [...block.matchAll(/^.*<<'END'\n[\s\S]*?^END$|^(?:.*\\\n)*.+$/gm)].map(([command]) => command)
  );
}
