import { defineConfig } from 'vite';

export default defineConfig({
  root: 'page',
  base: './',
  build: { outDir: '../dist', emptyOutDir: true, chunkSizeWarningLimit: 20000, sourcemap: false, minify: false },
  esbuild: { jsx: 'automatic' },
  define: { 'process.env.NODE_ENV': '"production"', 'process.env': '{}', global: 'globalThis' },
});
