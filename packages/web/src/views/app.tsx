import { Link, Outlet } from '@tanstack/react-router';
import { Monitor, Moon, Sun } from 'lucide-react';
import type { ReactNode } from 'react';
import { basePath } from '../fetch/base-path.ts';
import { OpenTrace } from './open-trace.tsx';
import { type ThemeChoice, usePreferences } from './preferences.tsx';
import { useText } from './text.ts';
import { TokenDialog } from './token-dialog.tsx';
import './app.css';

/** The frame of every page. */
export function App(): ReactNode {
  const say = useText();
  return (
    <div className="app">
      <button type="button" className="skip-link" onClick={skipToContent}>
        {say('app.skip')}
      </button>
      <header className="app-header">
        <nav aria-label={say('app.nav')}>
          <Link to="/search" search={{}} className="brand" aria-label={say('app.home')}>
            <img src={`${basePath}favicon.svg`} alt="" width="24" height="24" />
            <span>Clew</span>
          </Link>
        </nav>
        <div className="app-header-end">
          <OpenTrace />
          <LanguageToggle />
          <ThemeToggle />
        </div>
      </header>
      <main className="app-main" id="content" tabIndex={-1}>
        <Outlet />
      </main>
      <TokenDialog />
    </div>
  );
}

function skipToContent(): void {
  document.getElementById('content')!.focus();
}

function LanguageToggle(): ReactNode {
  const say = useText();
  const { locale, setLocale } = usePreferences();
  return (
    <button
      type="button"
      className="icon-button language"
      lang={locale === 'en' ? 'zh-CN' : 'en'}
      onClick={() => setLocale(locale === 'en' ? 'zh-CN' : 'en')}
      aria-label={say('app.language')}
      title={say('app.language')}
    >
      {locale === 'en' ? '中文' : 'English'}
    </button>
  );
}

const themes = {
  system: { next: 'light', icon: Monitor, label: 'app.theme.system' },
  light: { next: 'dark', icon: Sun, label: 'app.theme.light' },
  dark: { next: 'system', icon: Moon, label: 'app.theme.dark' },
} as const satisfies Record<ThemeChoice, unknown>;

function ThemeToggle(): ReactNode {
  const say = useText();
  const { themeChoice, setThemeChoice } = usePreferences();
  const { next, icon: Icon, label } = themes[themeChoice];
  return (
    <button
      type="button"
      className="icon-button"
      onClick={() => setThemeChoice(next)}
      aria-label={say(label)}
      title={say(label)}
    >
      <Icon size={16} aria-hidden />
    </button>
  );
}
