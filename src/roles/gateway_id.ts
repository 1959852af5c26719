import { join } from "node:path";

const FILE = "gateway-id";

/**
 * The identity of this appliance: a UUID that is generated at the first start and kept in the data directory, so that
 * the OPC UA application URI survives restarts and renames.
 *
 * @throws RangeError when the file holds something else
 */
export async function gatewayId(dataDir: string): Promise<string> {
  const path = join(dataDir, FILE);
  try {
    const id = (await Deno.readTextFile(path)).trim();
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) {
      throw new RangeError(
        `Cannot use '${path}' as the gateway's id: it must hold one UUID; restore or remove the file`,
      );
    }
    return id;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  const id = crypto.randomUUID();
  const temporary = `${path}.new`;
  await Deno.writeTextFile(temporary, `${id}\n`, { mode: 0o640 });
  await Deno.rename(temporary, path);
  return id;
}
