import {
  type BrowseDescriptionOptions,
  BrowseResult,
  type DataValue,
  type ISessionContext,
  type OPCUAServer,
  StatusCodes,
} from "node-opcua";
import { accessorOf } from "./library_internals.ts";

/** Time after which a request lets everything else have a turn, ms. */
const SLICE_MS = 8;
/** References that one Browse gathers; the library has them all in memory before it cuts the first page. */
const MOST_REFERENCES = 50_000;

interface Space {
  browse(context: ISessionContext, nodes: readonly BrowseDescriptionOptions[]): Promise<BrowseResult[]>;
  browseNode(node: BrowseDescriptionOptions, context?: ISessionContext): Promise<BrowseResult>;
  readNode(...parameters: unknown[]): Promise<DataValue>;
}

/**
 * Lets large Browse and Read requests pause, and bounds what a Browse gathers: the library answers all nodes of a request in
 * one go, where 10,000 times a type with all its instances is minutes without a turn for anything else.
 *
 * Nodes beyond the bound are answered `BadNoContinuationPoints` (OPC 10000-4 §5.9.2.4), upon which clients ask again for
 * fewer at a time.
 */
export function pauseInLargeRequests(server: OPCUAServer): void {
  const space = accessorOf(server) as unknown as Space;
  const pause = pauses();
  const browseNode = space.browseNode.bind(space);
  const readNode = space.readNode.bind(space);
  space.browse = async (context, nodes) => {
    const results: BrowseResult[] = [];
    let left = MOST_REFERENCES;
    for (const node of nodes) {
      if (left <= 0) {
        results.push(new BrowseResult({ statusCode: StatusCodes.BadNoContinuationPoints }));
        continue;
      }
      await pause();
      const result = await browseNode(node, context);
      left -= result.references?.length ?? 0;
      results.push(result);
    }
    return results;
  };
  space.readNode = async (...parameters) => {
    await pause();
    return await readNode(...parameters);
  };
}

/** Waits for the next turn of the event loop once a slice is used up. */
function pauses(): () => Promise<void> | undefined {
  let until = 0;
  return () => {
    if (performance.now() < until) return undefined;
    return new Promise<void>((resolve) =>
      setImmediate(() => {
        until = performance.now() + SLICE_MS;
        resolve();
      })
    );
  };
}
