/**
 * What a terminal obeys or does not show: control characters, line breaks, marks of writing direction, and all that is
 * invisible, such as a zero-width space. Variation selectors stay.
 */
const control = /[\p{Cc}\p{Zl}\p{Zp}\ufff9-\ufffb]|(?![\ufe00-\ufe0f])\p{Default_Ignorable_Code_Point}/gu;

/** An emoji of several, such as a family, which an invisible character joins. */
const joinedEmoji =
  /(\p{Extended_Pictographic}[\ufe0f\u{1f3fb}-\u{1f3ff}]?(?:\u200d\p{Extended_Pictographic}[\ufe0f\u{1f3fb}-\u{1f3ff}]?)+)/u;

/** Makes what {@link control} matches visible as `\u{…}`. */
export function escapeControls(text: string): string {
  const parts = text.split(joinedEmoji);
  return parts.map((part, index) => (index % 2 === 1 ? part : part.replace(control, escapeCharacter))).join('');
}

function escapeCharacter(character: string): string {
  return `\\u{${character.codePointAt(0)?.toString(16)}}`;
}

/** JSON with the same value in which these characters are escaped; line breaks between its elements stay. */
export function escapeJson(json: string): string {
  return json.replace(control, (character) => {
    if (character === '\n') return character;
    return Array.from({ length: character.length }, (_, at) => {
      return `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`;
    }).join('');
  });
}
