import { createContext, type ReactNode, useContext, useEffect, useMemo, useState, useSyncExternalStore } from 'react';
import { IntlProvider } from 'react-intl';
import type { Theme } from '../draw/service-colour.ts';
import { catalogues, chooseLocale, type Locale } from '../messages/catalogues.ts';

export type ThemeChoice = 'system' | Theme;

export interface Preferences {
  readonly themeChoice: ThemeChoice;
  /** What the choice comes to at the moment. */
  readonly theme: Theme;
  readonly locale: Locale;
  setThemeChoice(choice: ThemeChoice): void;
  setLocale(locale: Locale): void;
}

const PreferencesContext = createContext<Preferences | undefined>(undefined);

export function usePreferences(): Preferences {
  const preferences = useContext(PreferencesContext);
  if (preferences === undefined) throw new Error('usePreferences is used outside of PreferencesProvider');
  return preferences;
}

const themeKey = 'clew.theme';
const localeKey = 'clew.locale';

/** Theme and language: those of system and browser until others are chosen, which this browser then remembers. */
export function PreferencesProvider({ children }: { readonly children: ReactNode }): ReactNode {
  const [themeChoice, setThemeChoice] = useState<ThemeChoice>(() => {
    const stored = readStored(themeKey);
    return stored === 'light' || stored === 'dark' ? stored : 'system';
  });
  const [locale, setLocale] = useState<Locale>(() =>
    chooseLocale([readStored(localeKey) ?? '', ...navigator.languages]),
  );
  const systemTheme = useSystemTheme();
  const theme = themeChoice === 'system' ? systemTheme : themeChoice;
  document.documentElement.dataset.theme = theme;

  useEffect(() => {
    document.documentElement.lang = locale;
  }, [locale]);

  const preferences = useMemo(
    () => ({
      themeChoice,
      theme,
      locale,
      setThemeChoice(choice: ThemeChoice) {
        writeStored(themeKey, choice);
        setThemeChoice(choice);
      },
      setLocale(next: Locale) {
        writeStored(localeKey, next);
        setLocale(next);
      },
    }),
    [themeChoice, theme, locale],
  );
  return (
    <PreferencesContext value={preferences}>
      <IntlProvider locale={locale} defaultLocale="en" messages={catalogues[locale]}>
        {children}
      </IntlProvider>
    </PreferencesContext>
  );
}

const darkQuery = '(prefers-color-scheme: dark)';

function useSystemTheme(): Theme {
  const isDark = useSyncExternalStore(
    (listener) => {
      const query = window.matchMedia(darkQuery);
      query.addEventListener('change', listener);
      return () => query.removeEventListener('change', listener);
    },
    () => window.matchMedia(darkQuery).matches,
  );
  return isDark ? 'dark' : 'light';
}

/** A browser that forbids storage works as well; it only forgets. */
function readStored(key: string): string | undefined {
  try {
    return localStorage.getItem(key) ?? undefined;
  } catch {
    return undefined;
  }
}

function writeStored(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Forgotten with the page.
  }
}
