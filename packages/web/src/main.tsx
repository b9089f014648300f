import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { shouldRetry } from './fetch/queries.ts';
import { PreferencesProvider } from './views/preferences.tsx';
import { createAppRouter } from './views/router.tsx';
import './views/theme.css';

const queries = new QueryClient({ defaultOptions: { queries: { retry: shouldRetry, refetchOnWindowFocus: false } } });

// Made absolute: the address of the page changes without a load, and the icon must not follow it.
const icon = document.querySelector<HTMLLinkElement>('link[rel=icon]')!;
icon.setAttribute('href', icon.href);

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <PreferencesProvider>
      <QueryClientProvider client={queries}>
        <RouterProvider router={createAppRouter()} />
      </QueryClientProvider>
    </PreferencesProvider>
  </StrictMode>,
);
