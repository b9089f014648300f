import { distance } from 'fastest-levenshtein';

/** Beyond this share of changed letters two names have nothing to do with each other. */
const maxChangedShare = 0.4;

/** The known name that was most likely meant, or undefined when none is near. Case and separators do not count. */
export function findNearestName(name: string, known: readonly string[]): string | undefined {
  const wanted = normalise(name);
  const near = known
    .map((candidate) => ({ candidate, changes: distance(wanted, normalise(candidate)) }))
    .filter(
      ({ candidate, changes }) => changes <= maxChangedShare * Math.max(wanted.length, normalise(candidate).length),
    )
    .sort((a, b) => a.changes - b.changes);
  return near[0]?.candidate;
}

/** What to say to somebody who has used a name that is not known. */
export function suggestName(name: string, known: readonly string[]): string {
  const nearest = findNearestName(name, known);
  return nearest === undefined ? '"clew serve --help" lists them all.' : `Did you mean ${nearest}?`;
}

/** The part that all variables share would make strangers look alike. */
function normalise(name: string): string {
  return name
    .toLowerCase()
    .replace(/^clew_/, '')
    .replace(/[^a-z0-9]/g, '');
}
