/** What a test can need that not every machine has. */
export type Tool =
  | "chromium"
  | "root"
  | "network-namespaces"
  | "wireguard-go"
  | "wg"
  | "nft"
  | "ping"
  | "conntrack"
  | "iperf3"
  | "faketime"
  | "python3"
  | "mosquitto"
  | "qemu-aarch64"
  | "systemd-analyze"
  | "openssl"
  | "curl"
  | "python-seccomp"
  | "shellcheck"
  | "script"
  | "git"
  | "npm";

/** Says why the tool cannot be used here, in a sentence; `null` when it can. */
type Probe = () => string | null;

const probes: Record<Tool, Probe> = {
  "chromium": () => chromiumPath() === null ? missing("chromium", "chromium") : null,
  "root": () => Deno.uid() === 0 ? null : "The test must run as root",
  "network-namespaces": () =>
    probes.root() ?? needsProgram("ip", "iproute2") ??
      (succeeds("unshare", "--net", "true") ? null : "This machine does not allow network namespaces"),
  "wireguard-go": () => probes.root() ?? needsProgram("wireguard-go", "wireguard-go"),
  "wg": () => needsProgram("wg", "wireguard-tools"),
  "nft": () => needsProgram("nft", "nftables"),
  "ping": () => needsProgram("ping", "iputils-ping"),
  "conntrack": () => needsProgram("conntrack", "conntrack"),
  "iperf3": () => needsProgram("iperf3", "iperf3"),
  "faketime": () => needsProgram("faketime", "faketime"),
  "python3": () => needsProgram("python3", "python3"),
  "mosquitto": () => needsProgram("mosquitto", "mosquitto"),
  "qemu-aarch64": () =>
    needsProgram("qemu-aarch64-static", "qemu-user-static") ??
      (exists("/usr/aarch64-linux-gnu/lib/ld-linux-aarch64.so.1")
        ? null
        : "The arm64 C library is missing: install libc6-arm64-cross and libgcc-s1-arm64-cross"),
  "systemd-analyze": () => needsProgram("systemd-analyze", "systemd"),
  "openssl": () => needsProgram("openssl", "openssl"),
  "curl": () => needsProgram("curl", "curl"),
  "python-seccomp": () =>
    succeeds("/usr/bin/python3", "-c", "import seccomp")
      ? null
      : "The Python module seccomp is missing: install the Debian package python3-seccomp",
  "shellcheck": () => needsProgram("shellcheck", "shellcheck"),
  "script": () => needsProgram("script", "bsdutils"),
  "git": () => needsProgram("git", "git"),
  "npm": () => needsProgram("npm", "npm"),
};

const reported = new Set<Tool>();

/**
 * For tests that need something from the machine: `Deno.test({ name, ...requires("chromium"), fn })`.
 *
 * Where a tool is missing the test is ignored and the reason printed, once for each tool and file. With
 * `EDGEKEEP_REQUIRE_ALL=1` a test of its own fails for each missing tool, so that no skip passes unseen.
 */
export function requires(...tools: readonly Tool[]): { readonly ignore: boolean } {
  let ignore = false;
  for (const tool of tools) {
    const reason = probes[tool]();
    if (reason === null) continue;
    ignore = true;
    if (reported.has(tool)) continue;
    reported.add(tool);
    if (Deno.env.get("EDGEKEEP_REQUIRE_ALL") === "1") {
      Deno.test(`the machine has ${tool}`, () => {
        throw new Error(`${reason} (EDGEKEEP_REQUIRE_ALL=1 turns skipped tests into failures)`);
      });
    } else {
      console.warn(`skipped without ${tool}: ${reason}`);
    }
  }
  return { ignore };
}

/** The browser for tests: `EDGEKEEP_CHROMIUM`, else the first Chromium on the PATH, else `null`. */
export function chromiumPath(): string | null {
  const named = Deno.env.get("EDGEKEEP_CHROMIUM");
  if (named !== undefined) return exists(named) ? named : null;
  return programPath("chromium") ?? programPath("chromium-browser") ?? programPath("google-chrome");
}

/** Where a program lies: on the PATH or in the folders of system programs, which a user's PATH often lacks. */
export function programPath(program: string): string | null {
  if (program.startsWith("/")) return exists(program) ? program : null;
  const folders = [...(Deno.env.get("PATH") ?? "").split(":"), "/usr/sbin", "/sbin"];
  return folders.filter((folder) => folder !== "").map((folder) => `${folder}/${program}`).find(exists) ?? null;
}

function needsProgram(program: string, debianPackage: string): string | null {
  return programPath(program) === null ? missing(program, debianPackage) : null;
}

function missing(program: string, debianPackage: string): string {
  return `The program '${program}' is missing: install the Debian package ${debianPackage}`;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}

function succeeds(program: string, ...args: string[]): boolean {
  const path = programPath(program);
  return path !== null && new Deno.Command(path, { args, stdout: "null", stderr: "null" }).outputSync().success;
}
