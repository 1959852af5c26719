import { programPath } from "./requires.ts";

/** A machine of its own on a network that only this test has: a network namespace with one address. */
export interface TestMachine {
  readonly address: string;
  /** The program and arguments that run `command` on this machine. */
  command(program: string, ...args: readonly string[]): [string, ...string[]];
}

/** Two machines that reach each other over a cable, and nothing else. */
export interface TestNetwork extends AsyncDisposable {
  readonly plant: TestMachine;
  readonly office: TestMachine;
}

/**
 * Makes two network namespaces with a cable (veth) between them. Needs `requires("network-namespaces")`. Disposing of it
 * removes both, and with them everything that listens there.
 */
export async function testNetwork(): Promise<TestNetwork> {
  const ip = programPath("ip") ?? "ip";
  const id = crypto.randomUUID().slice(0, 6);
  const names = [`ek-${id}-p`, `ek-${id}-o`] as const;
  const run = async (...args: string[]) => {
    const { success, stderr } = await new Deno.Command(ip, { args, stdout: "null", stderr: "piped" }).output();
    if (!success) throw new Error(`ip ${args.join(" ")} failed: ${new TextDecoder().decode(stderr)}`);
  };
  const remove = async () => {
    for (const name of names) await run("netns", "del", name).catch(() => {});
  };
  try {
    for (const name of names) await run("netns", "add", name);
    // interface names hold 15 characters at most
    await run("link", "add", `${id}p`, "netns", names[0], "type", "veth", "peer", "name", `${id}o`, "netns", names[1]);
    for (const [name, end, address] of [[names[0], "p", "10.77.0.1"], [names[1], "o", "10.77.0.2"]] as const) {
      await run("-n", name, "addr", "add", `${address}/24`, "dev", `${id}${end}`);
      await run("-n", name, "link", "set", "lo", "up");
      await run("-n", name, "link", "set", `${id}${end}`, "up");
    }
  } catch (error) {
    await remove();
    throw error;
  }
  const machine = (name: string, address: string): TestMachine => ({
    address,
    command: (program, ...args) => [ip, "netns", "exec", name, program, ...args],
  });
  return {
    plant: machine(names[0], "10.77.0.1"),
    office: machine(names[1], "10.77.0.2"),
    [Symbol.asyncDispose]: remove,
  };
}
