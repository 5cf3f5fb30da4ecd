import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  build: {
    target: "es2022",
    // The polyfill and inlined files are what the Content-Security-Policy forbids.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1000,
  },
  server: {
    proxy: Object.fromEntries(
      ["/v1", "/dev", "/.well-known", "/config.json"].map((path) => [
        path,
        "http://127.0.0.1:3000",
      ]),
    ),
  },
});
