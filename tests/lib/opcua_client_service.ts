import { Buffer } from "node:buffer";
import {
  ActivateSessionRequest,
  AddNodesRequest,
  AddReferencesRequest,
  AggregateFilter,
  AnonymousIdentityToken,
  BrowseNextRequest,
  BrowseRequest,
  CallRequest,
  CancelRequest,
  CloseSessionRequest,
  CreateMonitoredItemsRequest,
  CreateSessionRequest,
  CreateSubscriptionRequest,
  DataChangeFilter,
  DataValue,
  DeleteMonitoredItemsRequest,
  DeleteNodesRequest,
  DeleteReferencesRequest,
  DeleteSubscriptionsRequest,
  ElementOperand,
  EventFilter,
  FindServersOnNetworkRequest,
  FindServersRequest,
  GetEndpointsRequest,
  HistoryReadRequest,
  HistoryUpdateRequest,
  IssuedIdentityToken,
  LiteralOperand,
  LocalizedText,
  ModifyMonitoredItemsRequest,
  ModifySubscriptionRequest,
  NodeId,
  PublishRequest,
  QualifiedName,
  QueryFirstRequest,
  QueryNextRequest,
  ReadAtTimeDetails,
  ReadEventDetails,
  ReadProcessedDetails,
  ReadRawModifiedDetails,
  ReadRequest,
  RegisterNodesRequest,
  RegisterServer2Request,
  RegisterServerRequest,
  RepublishRequest,
  SetMonitoringModeRequest,
  SetPublishingModeRequest,
  SetTriggeringRequest,
  SimpleAttributeOperand,
  StatusCode,
  StatusCodes,
  TransferSubscriptionsRequest,
  TranslateBrowsePathsToNodeIdsRequest,
  UnregisterNodesRequest,
  UserNameIdentityToken,
  Variant,
  VariantArrayType,
  WriteRequest,
  X509IdentityToken,
} from "node-opcua";
import type { ServiceAnswer, ServiceParams } from "./opcua_client_process.ts";

/** What a service request may name by `$type`, requests included. */
const types = {
  ActivateSessionRequest,
  AddNodesRequest,
  AddReferencesRequest,
  AggregateFilter,
  AnonymousIdentityToken,
  BrowseNextRequest,
  BrowseRequest,
  CallRequest,
  CancelRequest,
  CloseSessionRequest,
  CreateMonitoredItemsRequest,
  CreateSessionRequest,
  CreateSubscriptionRequest,
  DataChangeFilter,
  DataValue,
  DeleteMonitoredItemsRequest,
  DeleteNodesRequest,
  DeleteReferencesRequest,
  DeleteSubscriptionsRequest,
  ElementOperand,
  EventFilter,
  FindServersOnNetworkRequest,
  FindServersRequest,
  GetEndpointsRequest,
  HistoryReadRequest,
  HistoryUpdateRequest,
  IssuedIdentityToken,
  LiteralOperand,
  LocalizedText,
  ModifyMonitoredItemsRequest,
  ModifySubscriptionRequest,
  PublishRequest,
  QualifiedName,
  QueryFirstRequest,
  QueryNextRequest,
  ReadAtTimeDetails,
  ReadEventDetails,
  ReadProcessedDetails,
  ReadRawModifiedDetails,
  ReadRequest,
  RegisterNodesRequest,
  RegisterServer2Request,
  RegisterServerRequest,
  RepublishRequest,
  SetMonitoringModeRequest,
  SetPublishingModeRequest,
  SetTriggeringRequest,
  SimpleAttributeOperand,
  TransferSubscriptionsRequest,
  TranslateBrowsePathsToNodeIdsRequest,
  UnregisterNodesRequest,
  UserNameIdentityToken,
  Variant,
  WriteRequest,
  X509IdentityToken,
} as unknown as Record<string, new (options: Record<string, unknown>) => object>;

type Transaction = (request: unknown, done: (error: Error | null, response?: unknown) => void) => void;

/** What `service` needs of the connection it goes over. */
export interface ServiceConnection {
  /** Sends the request as it is. */
  readonly send: Transaction;
  /** The token of the connection's session; undefined on a channel without one. */
  readonly token?: NodeId;
}

/** Sends any request by its name, and hands the answer over with the numbers and names of the standard as plain JSON. */
export async function callService(connection: ServiceConnection, params: ServiceParams): Promise<ServiceAnswer> {
  const { header, ...fields } = params.fields;
  const Request = types[`${params.service}Request`];
  if (Request === undefined) throw new Error(`no request ${params.service}`);
  const request = new Request(revive(fields) as Record<string, unknown>) as { requestHeader: Record<string, unknown> };
  for (const [path, value] of Object.entries(params.unchecked ?? {})) assign(request, path.split("."), revive(value));
  if (connection.token !== undefined) request.requestHeader.authenticationToken = connection.token;
  Object.assign(request.requestHeader, revive(header ?? {}));
  const { authenticationToken } = request.requestHeader;
  if (typeof authenticationToken === "string") {
    request.requestHeader.authenticationToken = NodeId.resolveNodeId(authenticationToken);
  }
  return await new Promise((resolve, reject) => {
    connection.send(request, (error, response) => {
      const answer = response ?? (error as { response?: unknown } | null)?.response;
      if (answer === undefined) reject(error ?? new Error("no answer"));
      else resolve(wireForm(answer) as ServiceAnswer);
    });
  });
}

function assign(target: object, [name = "", ...rest]: readonly string[], value: unknown): void {
  const fields = target as Record<string, unknown>;
  if (rest.length === 0) fields[name] = value;
  else assign(fields[name] as object, rest, value);
}

/** JSON as the library's constructors want it: `$date` (ms), `$bytes` (hex), `$number` (NaN and the infinite), `$status`, `$node` and `$type` stand for what JSON lacks. */
function revive(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(revive);
  if (value === null || typeof value !== "object") return value;
  const { $date, $bytes, $number, $type, $status, $node, ...rest } = value as Record<string, unknown>;
  if ($date !== undefined) return new Date($date as number);
  if ($number !== undefined) return Number($number);
  if ($bytes !== undefined) return Buffer.from($bytes as string, "hex");
  if ($node !== undefined) return NodeId.resolveNodeId($node as string);
  if ($status !== undefined) return StatusCodes[$status as keyof typeof StatusCodes];
  const fields = Object.fromEntries(Object.entries(rest).map(([key, item]) => [key, revive(item)]));
  if ($type === undefined) return fields;
  const Type = types[$type as string];
  if (Type === undefined) throw new Error(`no type ${$type}`);
  return new Type(fields);
}

interface Schema {
  readonly name: string;
  readonly fields: readonly { readonly name: string }[];
  readonly _baseSchema?: Schema | null;
}

function wireForm(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value !== "object") return value;
  if (value instanceof Date) return { $date: value.getTime() };
  if (Buffer.isBuffer(value)) return { $bytes: value.toString("hex") };
  if (ArrayBuffer.isView(value)) return [...value as unknown as Iterable<unknown>].map(wireForm);
  if (Array.isArray(value)) return value.map(wireForm);
  if (value instanceof StatusCode) return value.name;
  if (value instanceof NodeId || "identifierType" in value) return String(value);
  if (value instanceof Variant) {
    return {
      dataType: value.dataType,
      array: value.arrayType !== VariantArrayType.Scalar,
      value: wireForm(value.value),
    };
  }
  if (value instanceof DataValue) {
    return {
      value: wireForm(value.value),
      status: value.statusCode.name,
      statusCode: value.statusCode.value,
      source: value.sourceTimestamp?.getTime() ?? null,
      server: value.serverTimestamp?.getTime() ?? null,
    };
  }
  const described = (value as { schema?: Schema }).schema;
  const names = described === undefined ? Object.keys(value) : fieldNames(described);
  const fields = Object.fromEntries(names.map((name) => [name, wireForm((value as Record<string, unknown>)[name])]));
  return described === undefined ? fields : { $type: described.name, ...fields };
}

function fieldNames(schema: Schema): string[] {
  const own = schema.fields.map(({ name }) => name);
  return schema._baseSchema ? [...fieldNames(schema._baseSchema), ...own] : own;
}
