/**
 * Makes the question whether a host is on a list: names, `*.example.com` for every name below a domain (not the domain
 * itself), `*` for all. The case does not matter, ports are not part of a host.
 *
 * @returns undefined when every host is on the list, so that nothing need be asked.
 */
export function matchHosts(patterns: readonly string[]): ((host: string) => boolean) | undefined {
  if (patterns.includes('*')) return undefined;
  const names = new Set<string>();
  const suffixes: string[] = [];
  for (const pattern of patterns) {
    const text = pattern
      .trim()
      .toLowerCase()
      .replace(/^\[|\]$/g, '');
    if (text.startsWith('*.')) suffixes.push(text.slice(1));
    else names.add(text);
  }
  return (host) => {
    const name = host.toLowerCase().replace(/^\[|\]$/g, '');
    return names.has(name) || suffixes.some((suffix) => name.length > suffix.length && name.endsWith(suffix));
  };
}
