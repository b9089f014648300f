import { en, type Messages } from './en.ts';
import { zhCn } from './zh-cn.ts';

export type Locale = 'en' | 'zh-CN';

export const catalogues: Readonly<Record<Locale, Messages>> = { en, 'zh-CN': zhCn };

/** The first of the wanted languages (BCP 47, best first) that there is a catalogue for; English otherwise. */
export function chooseLocale(wanted: readonly string[]): Locale {
  for (const tag of wanted) {
    const language = tag.toLowerCase().split('-')[0];
    if (language === 'zh') return 'zh-CN';
    if (language === 'en') return 'en';
  }
  return 'en';
}
