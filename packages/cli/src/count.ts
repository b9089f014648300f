/** A whole number with its thousands apart: `1,234`. */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}

/** How many there are of what has a regular plural: `1 span`, `2 spans`. */
export function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
