/**
 * Puts another function in the place of a method.
 *
 * @returns puts the first one back, unless somebody else has replaced ours in the meantime.
 */
export function replaceMethod<Owner extends object, Name extends keyof Owner>(
  owner: Owner,
  name: Name,
  replace: (original: Owner[Name]) => Owner[Name],
): () => void {
  const original = owner[name];
  if (typeof original !== 'function') throw new Error(`there is no method ${String(name)}`);
  const replacement = replace(original);
  owner[name] = replacement;
  return () => {
    if (owner[name] === replacement) owner[name] = original;
  };
}
