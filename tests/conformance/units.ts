/** What we say of a compliance unit. */
export type Claim =
  /** Offered whole, and tested here. */
  | { readonly status: "passed" }
  /** Offered with the exception that is named, and tested here. */
  | { readonly status: "limited"; readonly reason: string }
  | { readonly status: "not offered"; readonly reason: string };

/** The facet or profile of OPC 10000-7 that asks for a unit, and whether the unit may be left out there. */
interface Row {
  readonly facet: string;
  readonly optional: boolean;
  readonly claim: Claim;
}

const passed: Claim = { status: "passed" };
const limited = (reason: string): Claim => ({ status: "limited", reason });
const not = (reason: string): Claim => ({ status: "not offered", reason });

type Rows<Name extends string> = Readonly<Record<Name, Row>>;

/** One facet's units that it demands, then those that it leaves open. */
function facet<Must extends string, May extends string = never>(
  name: string,
  must: Readonly<Record<Must, Claim>>,
  may: Readonly<Record<May, Claim>> = {} as Readonly<Record<May, Claim>>,
): Rows<Must | May> {
  const rows = (units: Readonly<Record<string, Claim>>, optional: boolean) =>
    Object.fromEntries(Object.entries(units).map(([unit, claim]) => [unit, { facet: name, optional, claim }]));
  return { ...rows(must, false), ...rows(may, true) } as Rows<Must | May>;
}

const readOnlyModel = not("The address space follows the configuration; clients do not edit it");
const scalarsOnly = not("Field values are scalars");

/**
 * The compliance units of the Standard 2017 UA Server Profile and of the facets beyond it that a SCADA integrator asks
 * for, under the names of OPC 10000-7 (1.04) and of the profile database. A unit that several facets name stands at
 * the first one.
 */
export const units = {
  ...facet("Core 2017 Server Facet", {
    "Address Space Atomicity": passed,
    "Address Space Base": passed,
    "Address Space Full Array Only": passed,
    "Attribute Read": passed,
    "Base Info Core Structure": passed,
    "Discovery Find Servers Self": passed,
    "Discovery Get Endpoints": passed,
    "Security Policy - None": passed,
    "Session Base": passed,
    "Session General Service Behaviour": passed,
    "Session Minimum 1": passed,
    "View Basic": passed,
    "View Minimum Continuation Point 01": passed,
    "View RegisterNodes": passed,
    "View TranslateBrowsePath": passed,
  }, {
    "Attribute Write Values": passed,
    "Attribute Write Index": scalarsOnly,
    "Base Info Server Capabilities": passed,
    "Base Info OptionSet": not("No node of ours is an option set"),
    "Base Info ValueAsText": not("No enumeration among field values"),
    "Base Info Placeholder Modelling Rules": not("No type of ours has placeholders"),
    "Base Info Estimated Return Time": not("The gateway cannot tell when it will be started again"),
    "Base Info SelectionList": not("No node of ours offers a selection"),
    "Session Change User": passed,
    "Security Administration": not("Certificates are administered by the web pages, the command line and the API"),
  }),
  ...facet("User Token – User Name Password Server Facet", {
    "Security User Name Password": passed,
    "Security Invalid user token": passed,
  }),
  ...facet("UA-TCP UA-SC UA-Binary", {
    "Protocol UA TCP": passed,
    "UA Secure Conversation": limited(
      "The library answers an aborted message with the end of the channel instead of going on, takes a first " +
        "OpenSecureChannel that renews for one that issues, does not compare request ids between chunks, and refuses " +
        "a channel it cannot secure with an Error message that has the channel's number before the code",
    ),
    "UA Binary Encoding": passed,
  }),
  ...facet("Micro Embedded Device 2017 Server Profile", { "Session Minimum 2 Parallel": passed }),
  ...facet("Embedded DataChange Subscription Server Facet", {
    "Monitor Basic": passed,
    "Monitor Items 2": passed,
    "Monitor QueueSize_1": passed,
    "Monitor Value Change": passed,
    "Subscription Basic": passed,
    "Subscription Minimum 1": passed,
    "Subscription Publish Min 02": passed,
    "Subscription Publish Discard Policy": passed,
  }),
  ...facet("Standard DataChange Subscription 2017 Server Facet", {
    "Base Info GetMonitoredItems Method": passed,
    "Base Info ResendData Method": passed,
    "Method Call": passed,
    "Monitor Items 10": passed,
    "Monitor Items 100": passed,
    "Monitor MinQueueSize_02": passed,
    "Monitor Triggering": passed,
    "Monitored Items Deadband Filter": passed,
    "Subscription Minimum 02": passed,
    "Subscription Publish Min 05": passed,
  }),
  ...facet("Embedded 2017 UA Server Profile", {
    "Base Info Type System": passed,
    "Security Default ApplicationInstance Certificate": passed,
    "Security Policy Required": passed,
    "Security Certificate Validation": passed,
    "Security Encryption Required": passed,
    "Security Time Synchronization": passed,
    "Security Policy - Basic256Sha256": passed,
  }, {
    "Base Info Engineering Units": passed,
    "Security Policy - Aes128-Sha256-RsaOaep": passed,
    "Security Policy - Aes256-Sha256-RsaPss": passed,
    "Security - No Application Authentication": not("Every client application is checked against the trust list"),
  }),
  ...facet("Enhanced DataChange Subscription 2017 Server Facet", {
    "Monitor Items 500": passed,
    "Monitor MinQueueSize_05": passed,
    "Subscription Minimum 05": passed,
    "Subscription Publish Min 10": passed,
  }),
  ...facet("User Token – X509 Certificate Server Facet", { "Security User X509": passed }),
  ...facet("Standard 2017 UA Server Profile", {
    "Base Info Diagnostics": passed,
    "Discovery Register": passed,
    "Discovery Register2": passed,
    "Session Cancel": passed,
    "Session Minimum 50 Parallel": passed,
    "View Minimum Continuation Point 05": passed,
  }, {
    "Attribute Write StatusCode & Timestamp": limited(
      "A command is a plain value; one with a status or a time is answered BadWriteNotSupported",
    ),
  }),
  ...facet("Subscription Transfer", { "Subscription Transfer": passed }),
  ...facet("Data Access Server Facet", { "Data Access DataItems": passed }, {
    "Data Access AnalogItems": passed,
    "Data Access PercentDeadband": passed,
    "Data Access ArrayItemType": scalarsOnly,
    "Data Access Complex Number": scalarsOnly,
    "Data Access DoubleComplex Number": scalarsOnly,
    "Data Access TwoState": not("A Bool metric is a plain data item: its two states have no configured words"),
    "Data Access MultiState": not("Metrics have no enumerations"),
    "Data Access MultiStateValueDiscrete": not("Metrics have no enumerations"),
    "Data Access Semantic Changes": not("A changed unit or range is told by model-change events"),
  }),
  ...facet("Standard Event Subscription Server Facet", {
    "Address Space Events": passed,
    "Monitor Basic Event Filter": passed,
    "Monitor Events": passed,
    "Base Info EventQueueOverflow EventType": passed,
  }, {
    "Monitor Complex Event Filter": passed,
    "Base Info Model Change": passed,
    "Base Info Progress Events": not("No service call of ours runs long enough to report progress"),
    "Base Info System Status": not("Clients are told of a shutdown by the server's state"),
  }),
  ...facet("A & C Alarm Server Facet", {
    "A & C Basic": passed,
    "A & C Instances": passed,
    "A & C Alarm": passed,
    "A & C Enable": passed,
    "A & C Refresh": passed,
    "A & C Refresh2": passed,
    "A & C Acknowledge": passed,
    "A & C Confirm": passed,
    "A & C Comment": passed,
    "A & C Shelving": passed,
    "A & C Exclusive Limit": passed,
    "A & C Exclusive Level": passed,
    "A & C OffNormal": passed,
  }, {
    "A & C Branch": not("A condition has one state; what it was before stands in the journal and the event history"),
    "A & C Dialog": not("The gateway asks clients no questions"),
    "A & C Non-Exclusive Limit": not("A value is beyond one limit at a time"),
    "A & C Rate of Change": not("Limits are of the level alone"),
    "A & C Deviation": not("Limits are of the level alone"),
  }),
  ...facet("Historical Raw Data Server Facet", {
    "Attribute Historical Read": passed,
    "Historical Access Data Max Nodes Read Continuation Point": passed,
    "Historical Access Read Raw": passed,
  }, { "Historical Access ServerTimestamp": passed }),
  ...facet("Historical Data AtTime Server Facet", { "Historical Access Time Instance": passed }),
  ...facet("Historical Access Aggregates Server Facet", { "Historical Access Read Processed": passed }, {
    "Aggregate - Average": passed,
    "Aggregate - Minimum": passed,
    "Aggregate - Maximum": passed,
    "Aggregate - Count": passed,
    "Aggregate - Start": passed,
    "Aggregate - End": passed,
    "Aggregate - Range": passed,
    "Aggregate - Delta": passed,
    "Aggregate - PercentGood": passed,
  }),
  ...facet("Historical Data Update Server Facet", {}, {
    "Historical Access Modified Values": not("History is what the field sent: nobody edits it"),
    "Historical Access Update Value": not("History is what the field sent: nobody edits it"),
    "Historical Access Delete Value": not("History is what the field sent: nobody edits it"),
  }),
  ...facet("Node Management Server Facet", {}, {
    "Node Management Add Node": readOnlyModel,
    "Node Management Delete Node": readOnlyModel,
    "Node Management Add Ref": readOnlyModel,
    "Node Management Delete Ref": readOnlyModel,
  }),
  ...facet("Query Server Facet", {}, { "Query": not("No client of the field asks for it") }),
  ...facet("Redundancy Server Facet", {}, {
    "Redundancy Server": not("One gateway, one server"),
    "Redundancy Server Transparent": not("One gateway, one server"),
  }),
  ...facet("Auditing Server Facet", {}, {
    "Auditing Base": not("The audit trail is a signed file of the gateway's own, not a stream of events"),
  }),
} as const;

/** A compliance unit of the table. */
export type UnitName = keyof typeof units;
