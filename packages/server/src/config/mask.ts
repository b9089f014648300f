/** Nothing of a secret is shown, only that it is there. */
export function maskWhole(value: unknown): string {
  if (!Array.isArray(value)) return '***';
  return value.map(() => '***').join(', ');
}

/** The user name and password of a URL, also of one that cannot be parsed; the rest of it may be read. */
export function maskUrl(value: unknown): string {
  const text = typeof value === 'string' ? value : '***';
  return text.replace(/^([^:/]*:\/\/)?[^/?#]*@/, '$1***@').replace(/([?&](?:password|access_token)=)[^&#]*/gi, '$1***');
}
