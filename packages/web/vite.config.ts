import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import react from '@vitejs/plugin-react';
import { defineConfig, type Plugin } from 'vite';

export default defineConfig({
  plugins: [react(), compressFiles()],
  // The page finds out itself which path it is served under: see src/fetch/base-path.ts.
  base: './',
  build: {
    target: 'es2022',
    // Nothing as data: URL: the page runs under the Content-Security-Policy default-src 'self'.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // One file: over a local network a second round trip costs more than parsing what is not needed yet.
    chunkSizeWarningLimit: 700,
  },
});

/** Puts a compressed copy beside each file of `assets`: the server sends it to those who accept it. */
function compressFiles(): Plugin {
  return {
    name: 'compress-files',
    writeBundle({ dir }) {
      const folder = join(dir!, 'assets');
      for (const name of readdirSync(folder)) {
        const content = readFileSync(join(folder, name));
        writeFileSync(join(folder, `${name}.br`), brotliCompressSync(content));
        writeFileSync(join(folder, `${name}.gz`), gzipSync(content, { level: 9 }));
      }
    },
  };
}
