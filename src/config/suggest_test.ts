import assert from "node:assert/strict";
import { closest } from "./suggest.ts";

Deno.test("closest finds what a mistyped word stands for", () => {
  const keys = ["host_port", "host_ip_address", "user_name", "user_password", "security_modes"];
  assert.equal(closest("host_prot", keys), "host_port");
  assert.equal(closest("hostport", keys), "host_port");
  assert.equal(closest("User_Name", keys), "user_name");
  assert.equal(closest("security_mode", keys), "security_modes");
  assert.equal(closest("warn", ["trace", "debug", "info", "warning"]), null);
  assert.equal(closest("port", keys), "host_port");
  assert.equal(closest("read_metric_list", ["device_name", "read_metric"]), "read_metric");
  assert.equal(closest("hostport", ["host_name", "host_port"]), "host_port");
});

Deno.test("closest answers nothing for a word that is like none", () => {
  assert.equal(closest("frobnicate", ["host_port", "user_name"]), null);
  assert.equal(closest("x", ["y"]), null);
  assert.equal(closest("", ["a"]), null);
});
