export interface JsonRequest {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface JsonResponse<T> {
  readonly status: number;
  readonly body: T;
}

const timeoutMs = 5_000;

/** Calls another service with fetch. Any status is an answer; only a failed connection or the timeout throws. */
export async function requestJson<T>(url: string, request: JsonRequest = {}): Promise<JsonResponse<T>> {
  const response = await fetch(url, {
    method: request.method ?? 'GET',
    headers: { ...request.headers, ...(request.body === undefined ? {} : { 'content-type': 'application/json' }) },
    body: request.body === undefined ? null : JSON.stringify(request.body),
    signal: AbortSignal.timeout(timeoutMs),
  });
  return { status: response.status, body: (await response.json()) as T };
}
