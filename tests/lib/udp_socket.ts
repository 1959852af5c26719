/** A UDP socket of a test on this machine. */
export interface UdpSocket extends Disposable {
  readonly port: number;
  send(packet: Uint8Array, port: number): Promise<void>;
  receive(): Promise<Uint8Array>;
}

/** @param host `127.0.0.1` or `::1` */
export function udpSocket(host = "127.0.0.1"): UdpSocket {
  const conn = Deno.listenDatagram({ transport: "udp", hostname: host, port: 0 });
  return {
    port: (conn.addr as Deno.NetAddr).port,
    async send(packet, port) {
      await conn.send(packet, { transport: "udp", hostname: host, port });
    },
    receive: async () => (await conn.receive(new Uint8Array(4096)))[0],
    [Symbol.dispose]: () => conn.close(),
  };
}
