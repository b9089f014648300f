/**
 * Whether a path is what a pattern names. In a pattern `*` stands for any characters, `/` included, and a segment that
 * begins with a colon for any one segment, as in the routes of frameworks: `/users/:id`, `/api/*`. The rest is literal.
 *
 * Takes at most path x pattern steps: a path comes from outside, and an expression with several stars could be made to
 * take far more.
 */
export function matchesPath(pattern: string, path: string): boolean {
  let patternIndex = 0;
  let pathIndex = 0;
  let starIndex = -1;
  let retryIndex = 0;
  while (pathIndex < path.length || patternIndex < pattern.length) {
    const symbol = pattern[patternIndex];
    if (symbol === '*') {
      starIndex = patternIndex++;
      retryIndex = pathIndex;
      continue;
    }
    if (symbol === ':' && (patternIndex === 0 || pattern[patternIndex - 1] === '/')) {
      const end = endOfSegment(path, pathIndex);
      if (end > pathIndex) {
        patternIndex = endOfSegment(pattern, patternIndex);
        pathIndex = end;
        continue;
      }
    } else if (symbol !== undefined && symbol === path[pathIndex]) {
      patternIndex++;
      pathIndex++;
      continue;
    }
    // Let the last star take one more character.
    if (starIndex < 0 || retryIndex >= path.length) return false;
    patternIndex = starIndex + 1;
    pathIndex = ++retryIndex;
  }
  return true;
}

function endOfSegment(text: string, start: number): number {
  const slash = text.indexOf('/', start);
  return slash < 0 ? text.length : slash;
}
