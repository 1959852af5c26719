/**
 * The number of a group in the text of `/etc/group` (group(5): `name:password:gid:members`), or `null` when it is not
 * listed there.
 */
export function groupId(etcGroup: string, name: string): number | null {
  for (const line of etcGroup.split("\n")) {
    const [group, , gid = ""] = line.split(":");
    if (group === name && /^\d{1,10}$/.test(gid)) return Number(gid);
  }
  return null;
}
