import { AttributeIds, DataType, DataValue, type ReadValueIdOptions, StatusCodes, VariantArrayType } from "node-opcua";

/** Encodings that the standard names and this server does not have (OPC 10000-6 §5.1.1). */
const otherEncodings: readonly string[] = ["Default XML", "Default JSON"];

/**
 * The rules of Read that the library does not know (OPC 10000-4 §7.27, §7.29), around its own answer: an index range of
 * a scalar is no data, where the library gives the whole value; and a data encoding is judged by the standard's names
 * and only for structures, where the library goes by names of its own.
 */
export async function readByTheRules(
  items: readonly ReadValueIdOptions[],
  read: (items: ReadValueIdOptions[]) => Promise<DataValue[]>,
): Promise<DataValue[]> {
  const answers = await read(items.map(withoutBinary));
  return items.map((item, i) =>
    judged(item, answers[i] ?? new DataValue({ statusCode: StatusCodes.BadInternalError }))
  );
}

/** The item with the encoding that all values have anyway taken out. */
function withoutBinary(item: ReadValueIdOptions): ReadValueIdOptions {
  return item.attributeId === AttributeIds.Value && encodingOf(item) === "Default Binary"
    ? { ...item, dataEncoding: null }
    : item;
}

function judged(item: ReadValueIdOptions, answer: DataValue): DataValue {
  if (item.attributeId !== AttributeIds.Value) return answer;
  const encoding = encodingOf(item);
  if (encoding !== "") {
    if (answer.statusCode.equals(StatusCodes.BadDataEncodingInvalid) && otherEncodings.includes(encoding)) {
      return new DataValue({ statusCode: StatusCodes.BadDataEncodingUnsupported });
    }
    if (answer.value && answer.value.dataType !== DataType.ExtensionObject && answer.value.dataType !== DataType.Null) {
      return new DataValue({ statusCode: StatusCodes.BadDataEncodingInvalid });
    }
  }
  const range = item.indexRange as { isEmpty(): boolean } | null | undefined;
  return range && !range.isEmpty() && isUndivided(answer)
    ? new DataValue({ statusCode: StatusCodes.BadIndexRangeNoData })
    : answer;
}

function encodingOf(item: ReadValueIdOptions): string {
  const encoding = item.dataEncoding as { namespaceIndex?: number; name?: string | null } | null | undefined;
  return encoding?.name ?? "";
}

/** Whether a value has no elements: neither an array nor text nor bytes. */
function isUndivided({ value }: DataValue): boolean {
  if (!value || value.arrayType !== VariantArrayType.Scalar) return false;
  return value.dataType !== DataType.Null && value.dataType !== DataType.String &&
    value.dataType !== DataType.ByteString;
}
