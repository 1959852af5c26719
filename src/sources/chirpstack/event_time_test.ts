import assert from "node:assert/strict";
import { formatTimeUs, parseTimeUs } from "./event_time.ts";

Deno.test("an RFC 3339 time is read to the microsecond, in UTC", () => {
  const base = Date.UTC(2022, 6, 18, 9, 33, 28) * 1000;
  assert.equal(parseTimeUs("2022-07-18T09:33:28.823500726+00:00"), base + 823_500);
  assert.equal(parseTimeUs("2022-07-18T09:33:28Z"), base);
  assert.equal(parseTimeUs("2022-07-18t09:33:28.1z"), base + 100_000);
  assert.equal(parseTimeUs("2022-07-18T11:33:28.000001+02:00"), base + 1);
  assert.equal(parseTimeUs("2022-07-18T05:03:28-04:30"), base);
});

Deno.test("what is no full time with zone is refused", () => {
  const cases = [
    "",
    "2022-07-18",
    "2022-07-18T09:33:28",
    "2022-13-18T09:33:28Z",
    "2022-07-18T24:33:28Z",
    "2022-8-3 9:15:31  TZ:0",
    17,
    null,
    undefined,
    {},
  ];
  for (const text of cases) assert.equal(parseTimeUs(text), null, String(text));
});

Deno.test("a time is printed as ISO text", () => {
  assert.equal(formatTimeUs(Date.UTC(2022, 6, 18, 9, 33, 28, 823) * 1000 + 500), "2022-07-18T09:33:28.823Z");
});
