import type { Machine } from "./machine.ts";

const listener = `import select, socket, sys
listening = []
for port in sys.argv[1:]:
    s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("0.0.0.0", int(port))); s.listen(16)
    listening.append(s)
print("ready", flush=True)
echoing = []
while True:
    for s in select.select(listening + echoing, [], [])[0]:
        if s in listening: echoing.append(s.accept()[0])
        else:
            data = s.recv(4096)
            if data: s.sendall(data)
            else: echoing.remove(s); s.close()
`;

const connector = `import socket, sys
s = socket.socket(); s.settimeout(float(sys.argv[3]))
s.connect((sys.argv[1], int(sys.argv[2]))); s.sendall(b"x")
sys.exit(0 if s.recv(1) == b"x" else 1)
`;

/** Listens on TCP ports of every address of a machine and sends back what comes, until it is disposed of. */
export async function echoOn(machine: Machine, ports: readonly number[]): Promise<AsyncDisposable> {
  const child = machine.spawn("python3", ["-c", listener, ...ports.map(String)]);
  const reader = child.stdout.getReader();
  await reader.read();
  return {
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await reader.cancel();
      await child.stderr.cancel();
      await child.status;
    },
  };
}

/** Whether a connection to a port is made and echoes; who is sure that it does gives a busy machine longer. */
export async function echoes(machine: Machine, address: string, port: number, waitS = 1): Promise<boolean> {
  return (await machine.run("python3", ["-c", connector, address, String(port), String(waitS)])).code === 0;
}
