import type {
  BucketHistoryAnswer,
  EventListAnswer,
  QualityAnswer,
  RawHistoryAnswer,
  TagAnswer,
  TagPageAnswer,
} from "../web/api_schema.ts";
import { request } from "./api_request.ts";

/** Reads every tag, page by page. */
export async function readTags(): Promise<TagAnswer[]> {
  const tags: TagAnswer[] = [];
  let cursor: string | null = null;
  do {
    const page: TagPageAnswer = await read("/api/v1/tags", { limit: "1000", ...(cursor === null ? {} : { cursor }) });
    tags.push(...page.items);
    cursor = page.next;
  } while (cursor !== null);
  return tags;
}

/** Reads the status codes with their names. */
export async function readQualities(): Promise<QualityAnswer[]> {
  return (await read<{ items: QualityAnswer[] }>("/api/v1/qualities")).items;
}

/** Reads the newest events. */
export function readEvents(limit: number): Promise<EventListAnswer> {
  return read("/api/v1/events", { limit: String(limit) });
}

/** Reads the newest stored samples of a range, newest first. */
export function readRaw(
  range: { readonly tag: string; readonly fromMs: number; readonly toMs: number; readonly limit: number },
  signal: AbortSignal,
): Promise<RawHistoryAnswer> {
  const query = { tag: range.tag, from: us(range.fromMs), to: us(range.toMs), limit: String(range.limit) };
  return read("/api/v1/history", { ...query, direction: "reverse" }, signal);
}

/** Reads buckets of a range. */
export function readBuckets(
  range: { readonly tag: string; readonly fromMs: number; readonly toMs: number; readonly bucketSeconds: number },
  signal: AbortSignal,
): Promise<BucketHistoryAnswer> {
  const { tag, fromMs, toMs, bucketSeconds } = range;
  const query = { tag, from: us(fromMs), to: us(toMs), bucket_seconds: String(bucketSeconds) };
  return read("/api/v1/history/buckets", query, signal);
}

/** Address of a tag's stored samples as a CSV file. */
export function csvHref(tag: string, fromMs: number): string {
  return `/api/v1/history?${new URLSearchParams({ tag, from: us(fromMs), format: "csv" })}`;
}

function read<T>(path: string, query: Record<string, string> = {}, signal?: AbortSignal): Promise<T> {
  return request("GET", path, { query, signal });
}

function us(timeMs: number): string {
  return String(Math.round(timeMs) * 1000);
}
