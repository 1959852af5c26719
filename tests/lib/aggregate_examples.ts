/**
 * The example historians of OPC 10000-13 Annex A and what its tables say of them, as far as they agree with the normative
 * clauses. Every table runs from 12:00:00 to 12:01:40 forwards.
 *
 * Left out: the entry `Bad_NoData` at 12:00:00 of each historian, which says that there are no data yet. Of Maximum,
 * Historian 5 shows a good 30 for 12:01:04 beside an uncertain 70, which the text of §5.4.3.11 makes uncertain; here it is.
 */
import type { AggregateConfiguration, AggregateName } from "../../src/history/aggregate_query.ts";

/** Seconds since 12:00:00, value, and `good`, `uncertain` or `bad`. */
export type ExampleRow = readonly [seconds: number, value: number | null, status: "good" | "uncertain" | "bad"];

export interface ExampleHistorian {
  readonly stepped: boolean;
  readonly configuration: AggregateConfiguration;
  readonly rows: readonly ExampleRow[];
}

function historian(
  stepped: boolean,
  treatUncertainAsBad: boolean,
  percent: number,
  useSlopedExtrapolation: boolean,
  rows: string,
): ExampleHistorian {
  return {
    stepped,
    configuration: { treatUncertainAsBad, percentDataBad: percent, percentDataGood: percent, useSlopedExtrapolation },
    rows: rows.split(" ").map((row) => {
      const [, seconds, value, mark] = /^(\d+):(-|\d+)([UB]?)$/.exec(row) ?? [];
      const status = mark === "U" ? "uncertain" : mark === "B" ? "bad" : "good";
      return [Number(seconds), value === "-" ? null : Number(value), status];
    }),
  };
}

const irregular = "2:10 25:20 28:25 39:30 42:-B 48:40 52:50 72:60 77:70U 83:70 86:80 90:90";

/** The historians by their number. A bool is 0 or 1, as it is stored. */
export const historians: Readonly<Record<number, ExampleHistorian>> = {
  1: historian(false, false, 100, false, "10:10 20:20 30:30 40:-B 50:50 60:60 70:70U 80:80 90:90"),
  2: historian(false, true, 100, true, irregular),
  3: historian(true, true, 50, false, irregular),
  4: historian(true, true, 100, false, "2:1 25:0 28:1 39:1 42:-B 48:1 52:0 72:0 77:1U 83:1 86:0 90:1"),
  5: historian(false, false, 100, false, "2:10 25:20 28:10 39:30 42:-B 48:30 52:50 72:30 77:70U 83:70 86:80 90:70"),
};

/** One table: `value:marks` of each interval; U uncertain, c calculated, i interpolated, p partial, m multiple, `-` no data. */
export interface ExampleTable {
  readonly aggregate: AggregateName;
  readonly historian: number;
  readonly intervalSeconds: number;
  readonly expected: readonly string[];
}

function table(
  aggregate: AggregateName,
  numbers: number | readonly number[],
  intervalSeconds: number,
  text: string,
): ExampleTable[] {
  return [numbers].flat().map((number) => ({
    aggregate,
    historian: number,
    intervalSeconds,
    expected: text.split(" "),
  }));
}

/** Every table. */
export const exampleTables: readonly ExampleTable[] = [
  ...table(
    "Interpolative",
    1,
    5,
    "- - 10: 15:i 20: 25:i 30: 35:Ui 40:Ui 45:Ui 50: 55:i 60: 65:Ui 70:u 75:Ui 80: 85:i 90: 90:Ui",
  ),
  ...table(
    "Interpolative",
    2,
    5,
    "- 11.304:i 13.478:i 15.652:i 17.826:i 20: 25.909:i 28.182:i 31.111:Ui 36.667:Ui 45:i 51.5:i 54:i 56.5:i 59:i " +
      "62.727:Ui 67.273:Ui 76.667:i 90: 102.5:Ui",
  ),
  ...table(
    "Interpolative",
    3,
    5,
    "- 10:i 10:i 10:i 10:i 20: 25:i 25:i 30:i 30:Ui 40:i 50:i 50:i 50:i 50:i 60:i 60:Ui 70:i 90: 90:Ui",
  ),
  ...table(
    "Interpolative",
    5,
    5,
    "- 11.3043:i 13.4783:i 15.6522:i 17.8261:i 20: 13.6364:i 22.7273:i 30:Ui 30:Ui 40:i 47:i 42:i 37:i 32:i 54:Ui " +
      "70:Ui 76.6667:i 70: 70:Ui",
  ),
  ...table("Average", 1, 5, "- - 10:c - 20:c - 30:c - - - 50:c - 60:c - - - 80:c - 90:c -"),
  ...table("Average", [2, 3], 5, "10:c - - - - 22.5:c - 30:c - 40:c 50:c - - - 60:c - 70:c 80:c 90:c -"),
  ...table("Average", 5, 5, "10:c - - - - 15:c - 30:c - 30:c 50:c - - - 30:c - 70:c 80:c 70:c -"),
  ...table(
    "TimeAverage",
    1,
    5,
    "- - 12.5:c 17.5:c 22.5:c 27.5:c 32.5:Uc 37.5:Uc 42.5:Uc 47.5:Uc 52.5:c 57.5:c 62.5:Uc 67.5:Uc 72.5:Uc 77.5:Uc " +
      "82.5:c 87.5:c 90:Ucp -",
  ),
  ...table(
    "TimeAverage",
    2,
    5,
    "10.652:Ucp 12.391:c 14.565:c 16.739:c 18.913:c 23.682:c 27.045:c 29.384:Uc 33.889:Uc 40:Uc 49.45:c 52.75:c 55.25:c " +
      "57.75:c 60.618:Uc 65:Uc 70.515:Uc 83.667:c 96.25:Ucp -",
  ),
  ...table(
    "TimeAverage",
    3,
    5,
    "10.652:Ucp 12.391:c 14.565:c 16.739:c 18.913:c 23.682:c 27.045:c 29.384:Uc 33.889:Uc 40:Uc 49.45:c 52.75:c 55.25:c " +
      "57.75:c 60.618:Uc 65:Uc 70.515:Uc 83.667:c 90:Ucp -",
  ),
  ...table(
    "TimeAverage",
    5,
    5,
    "10.6522:Ucp 12.3913:c 14.5652:c 16.7391:c 18.913:c 13.7273:c 18.1818:c 27.0909:Uc 30:Uc 32:Uc 47.1:c 44.5:c 39.5:c " +
      "34.5:c 37.6:Uc 66.8:Uc 71.3333:Uc 75.6667:c 70:Ucp -",
  ),
  ...table(
    "TimeAverage2",
    1,
    5,
    "- - 12.5:c 17.5:c 22.5:c 27.5:c 30:Uc 30:Uc - - 52.5:c 57.5:c 62.5:Uc 67.5:Uc 72.5:Uc 77.5:Uc 82.5:c 87.5:c " +
      "90:Ucp -",
  ),
  ...table(
    "TimeAverage2",
    2,
    5,
    "10.652:Ucp 12.391:c 14.565:c 16.739:c 18.913:c 23.682:c 27.045:c 29.273:Uc 30:Uc 42.5:Uc 49.45:c 52.75:c 55.25:c " +
      "57.75:c 59.8:Uc",
  ),
  ...table("Minimum", 1, 16, "10:cp 20:c - 50:c - 80:p -"),
  ...table("Minimum", [2, 3], 16, "10:cp 20:c 30:Uc 40: 60:Uc 70:cp -"),
  ...table("Minimum", 5, 16, "10:cp 10:c 30:Uc 30: 30:c 70:cmp -"),
  ...table("Maximum", 1, 16, "10:cp 30:c - 60:c - 90:cp -"),
  ...table("Maximum", [2, 3], 16, "10:cp 25:c 30:Uc 50:c 60:Uc 90:cp -"),
  ...table("Maximum", 5, 16, "10:cp 20:c 30:Uc 50:c 30:Uc 80:cp -"),
  ...table("MaximumActualTime", 1, 16, "10@10:p 30@30: - 60@60: - 90@90:p -"),
  ...table("Count", 1, 16, "1:cp 2:c B 2:c 0:Uc 2:cp -"),
  ...table("Count", [2, 4, 5], 16, "1:cp 2:c 1:Uc 2:c 1:Uc 3:cp -"),
  ...table("Count", 3, 16, "1:cp 2:c 1:c 2:c 1:c 3:cp -"),
  ...table("Start", 1, 16, "10@10:p 20@20: @40:b 50@50: 70@70:u 80@80:p -"),
  ...table("Start", [2, 3], 16, "10@2:p 20@25: 30@39: 40@48: 60@72: 70@83:p -"),
  ...table("Start", 5, 16, "10@2:p 20@25: 30@39: 30@48: 30@72: 70@83:p -"),
  ...table("End", 1, 16, "10@10:p 30@30: @40:b 60@60: 70@70:u 90@90:p -"),
  ...table("End", [2, 3], 16, "10@2:p 25@28: @42:b 50@52: 70@77:u 90@90:p -"),
  ...table("End", 5, 16, "10@2:p 10@28: @42:b 50@52: 70@77:u 70@90:p -"),
  ...table("StandardDeviationSample", 1, 20, "0:cp 7.071:c 0:Uc 0:Uc 7.071:cp"),
  ...table("StandardDeviationSample", [2, 3], 20, "0:cp 5:c 7.071:Uc 0:Uc 10:cp"),
  ...table("StandardDeviationSample", 5, 20, "0:cp 10:c 14.142:Uc 0:Uc 5.7735:cp"),
];
