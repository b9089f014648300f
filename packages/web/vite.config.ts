import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

export default defineConfig({
  plugins: [react()],
  build: {
    target: 'es2022',
    // Nothing as data: URL: the page runs under the Content-Security-Policy default-src 'self'.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // One file: over a local network a second round trip costs more than parsing what is not needed yet.
    chunkSizeWarningLimit: 700,
  },
});
