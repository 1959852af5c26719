/**
 * A man in the middle with the hub's own TLS key: it ends the agents' TLS, reads and changes what passes, and speaks to
 * the hub in their place. Told what to do by JSON lines on its input, and tells what it saw by JSON lines.
 *
 * Arguments: address to listen on, port, the hub's address, its port, file of the certificate, file of the key.
 */
import { createServer, request } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";

/** What it can be told. */
export type MitmOrder =
  /** Sends a line of its own making down the open event stream of a node. */
  | { readonly do: "inject"; readonly node: string; readonly data: string }
  /** Event streams stay open, and nothing of the hub's passes any more; or again. */
  | { readonly do: "mute"; readonly on: boolean }
  /** Answers every question for the state with this text instead of the hub's. `null`: the hub's again. */
  | { readonly do: "state"; readonly text: string | null }
  /** Answers nothing at all, as if the hub were gone. */
  | { readonly do: "refuse"; readonly on: boolean };

/** What it tells. */
export type MitmNews =
  | { readonly saw: "listening" }
  | { readonly saw: "event"; readonly node: string; readonly data: string }
  | { readonly saw: "state"; readonly node: string; readonly text: string }
  | { readonly saw: "stream"; readonly node: string; readonly open: boolean }
  | { readonly saw: "request"; readonly method: string; readonly path: string; readonly body: string }
  | { readonly saw: "done" };

if (import.meta.main) {
  const [host = "", port = "", hubHost = "", hubPort = "", certificate = "", key = ""] = Deno.args;
  const tell = (news: MitmNews) => console.log(JSON.stringify(news));
  const streams = new Map<string, ServerResponse>();
  let muted = false;
  let state: string | null = null;
  let refusing = false;

  const server = createServer({
    cert: Deno.readTextFileSync(certificate),
    key: Deno.readTextFileSync(key),
    minVersion: "TLSv1.3",
  }, (incoming, outgoing) => void pass(incoming, outgoing));
  server.listen(Number(port), host, () => tell({ saw: "listening" }));

  const pass = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    if (refusing) return incoming.socket.destroy();
    const parts: Uint8Array[] = [];
    for await (const part of incoming) parts.push(part);
    const body = new Blob(parts as Uint8Array<ArrayBuffer>[]);
    const path = incoming.url ?? "/";
    tell({ saw: "request", method: incoming.method ?? "", path, body: await body.text() });
    const [, kind, node = "", what = ""] = /^\/v1\/(nodes)\/([^/?]+)\/(state|events)/.exec(path) ?? [];
    const onward = request({
      host: hubHost,
      port: Number(hubPort),
      method: incoming.method,
      path,
      headers: incoming.headers,
      rejectUnauthorized: false,
      minVersion: "TLSv1.3",
      agent: false,
    }, (answer) => {
      const headers = { ...answer.headers };
      delete headers["transfer-encoding"];
      delete headers["content-length"];
      if (kind === undefined || what === "") {
        outgoing.writeHead(answer.statusCode ?? 502, headers);
        answer.pipe(outgoing);
      } else if (what === "state") void passState(node, answer, outgoing, headers);
      else void passEvents(node, answer, outgoing, headers);
    });
    onward.on("error", () => outgoing.destroy());
    outgoing.on("close", () => onward.destroy());
    onward.end(new Uint8Array(await body.arrayBuffer()));
  };

  const passState = async (
    node: string,
    answer: IncomingMessage,
    outgoing: ServerResponse,
    headers: IncomingMessage["headers"],
  ) => {
    let text = "";
    for await (const part of answer.setEncoding("utf8")) text += part;
    tell({ saw: "state", node, text });
    outgoing.writeHead(answer.statusCode ?? 502, headers);
    outgoing.end(state ?? text);
  };

  const passEvents = async (
    node: string,
    answer: IncomingMessage,
    outgoing: ServerResponse,
    headers: IncomingMessage["headers"],
  ) => {
    outgoing.writeHead(answer.statusCode ?? 502, headers);
    outgoing.flushHeaders();
    streams.set(node, outgoing);
    tell({ saw: "stream", node, open: true });
    let rest = "";
    try {
      for await (const part of answer.setEncoding("utf8")) {
        rest += part;
        for (let end = rest.indexOf("\n\n"); end >= 0; end = rest.indexOf("\n\n")) {
          const block = rest.slice(0, end + 2);
          rest = rest.slice(end + 2);
          const data = /^data: ?(.*)$/m.exec(block)?.[1];
          if (data !== undefined) tell({ saw: "event", node, data });
          if (!muted) outgoing.write(block);
        }
      }
    } catch {
      // the hub or the agent went away
    }
    outgoing.end();
    if (streams.get(node) === outgoing) streams.delete(node);
    tell({ saw: "stream", node, open: false });
  };

  const obey = (order: MitmOrder) => {
    if (order.do === "inject") streams.get(order.node)?.write(`data: ${order.data}\n\n`);
    else if (order.do === "mute") muted = order.on;
    else if (order.do === "state") state = order.text;
    else {
      refusing = order.on;
      if (refusing) server.closeAllConnections();
    }
    tell({ saw: "done" });
  };

  let rest = "";
  for await (const part of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    rest += part;
    const lines = rest.split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) obey(JSON.parse(line));
  }
  Deno.exit(0);
}
