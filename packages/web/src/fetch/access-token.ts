/**
 * The token that the server asks for, if it does: kept for this tab until it is closed.
 *
 * ```
 * unknown ──401──▶ missing ──submit──▶ unknown ──401──▶ refused ──submit──▶ …
 * ```
 */
export type TokenNeed = 'none' | 'missing' | 'refused';

const key = 'clew.token';

let token = readStored();
let need: TokenNeed = 'none';
const listeners = new Set<() => void>();

export function currentToken(): string | undefined {
  return token;
}

/** What to ask the user for. */
export function tokenNeed(): TokenNeed {
  return need;
}

export function onTokenNeed(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** @param sent The token of the request that was answered with 401: one that has been replaced since is no news. */
export function reportUnauthorized(sent: string | undefined): void {
  if (sent === token) setNeed(sent === undefined ? 'missing' : 'refused');
}

export function keepToken(text: string): void {
  token = text;
  try {
    sessionStorage.setItem(key, text);
  } catch {
    // A browser that forbids storage keeps it until the page is left.
  }
  setNeed('none');
}

/** The user does not want to be asked now. */
export function dismissTokenNeed(): void {
  setNeed('none');
}

function setNeed(next: TokenNeed): void {
  need = next;
  for (const listener of listeners) listener();
}

function readStored(): string | undefined {
  try {
    return sessionStorage.getItem(key) ?? undefined;
  } catch {
    return undefined;
  }
}
