import assert from "node:assert/strict";
import { MeshNetwork } from "../../../tests/mesh/kit/mesh_network.ts";
import { requires } from "../../../tests/lib/requires.ts";
import { blockingChains } from "./blocking_chains.ts";

const traffic = { ours: "edgekeep_mesh0", interface: "mesh0", listenPort: 51820 };

Deno.test({
  name: "chains that drop the tunnel or its port are named, with who keeps them, until they let both in",
  ...requires("network-namespaces", "nft"),
  async fn() {
    await using network = await MeshNetwork.create();
    const machine = await network.publicMachine("m");
    const judged = async (rules: string) => {
      await machine.ok("nft", ["-f", "-"], { input: `flush ruleset\n${rules}` });
      const { tables, chains } = blockingChains(await machine.ok("nft", ["-j", "list", "ruleset"]), traffic);
      return {
        tables,
        chains: chains.map(({ table, chain, hook, manager, tunnel, port }) =>
          [table, chain, hook, manager, ...tunnel ? ["tunnel"] : [], ...port ? ["port"] : []].join(" ")
        ),
      };
    };
    const ours = (await judged(`table inet edgekeep_mesh0 {
      chain input {
        type filter hook input priority 0; policy drop;
      }
    }
    table ip nat {
      chain post {
        type nat hook postrouting priority srcnat; policy accept;
      }
    }
    table ip filter {
      chain FORWARD {
        type filter hook forward priority 0; policy drop;
      }
      chain INPUT {
        type filter hook input priority 0; policy accept;
        tcp dport 22 drop
      }
    }`)).chains;
    assert.deepEqual(ours, []);

    const ufw = (more: string) =>
      `table ip filter {
      chain ufw-user-input {
        tcp dport 22 accept
        ${more}
      }
      chain INPUT {
        type filter hook input priority 0; policy drop;
        ct state established,related accept
        jump ufw-user-input
      }
    }`;
    assert.deepEqual((await judged(ufw(""))).chains, ["ip filter INPUT input ufw tunnel port"]);
    assert.deepEqual((await judged(ufw('iifname "mesh0" accept'))).chains, ["ip filter INPUT input ufw port"]);
    assert.deepEqual((await judged(ufw('iifname "mesh*" accept\nudp dport 50000-52000 accept'))).chains, []);
    assert.deepEqual((await judged(ufw('iifname != "mesh0" accept'))).chains, [
      "ip filter INPUT input ufw tunnel port",
    ]);
    assert.deepEqual(
      (await judged(ufw('iifname { "lo", "mesh0" } accept\nudp dport { 53, 51820 } accept'))).chains,
      [],
    );

    const firewalld = await judged(`table inet firewalld {
      chain filter_INPUT {
        type filter hook input priority filter + 10; policy accept;
        ct state established,related accept
        iifname "lo" accept
        reject with icmpx admin-prohibited
      }
      chain filter_OUTPUT {
        type filter hook output priority filter + 10; policy accept;
        oifname "lo" accept
        drop
      }
    }`);
    assert.deepEqual(firewalld, {
      tables: ["inet firewalld"],
      chains: [
        "inet firewalld filter_INPUT input firewalld tunnel port",
        "inet firewalld filter_OUTPUT output firewalld tunnel",
      ],
    });
  },
});

Deno.test("what is no listing of nft is refused", () => {
  for (const text of ["", "{}", "[]", '{"nftables": 1}']) assert.throws(() => blockingChains(text, traffic));
  assert.deepEqual(blockingChains('{"nftables": []}', traffic), { tables: [], chains: [] });
});
