/*
 * Where the code of our threads is. `tools/bundle-sdk.mjs` puts the same functions with the code itself, as `data:` URLs,
 * in this module's place: an app that bundles the SDK has no files beside it.
 */

/** Sends the last spans of a process. */
export const lastDeliveryThread = (): URL => new URL('./export/last-delivery-thread.js', import.meta.url);

/** Runs the community's resource detectors. */
export const detectorThread = (): URL => new URL('./resource/detector-worker.js', import.meta.url);

/** Hooks on Node's own loader thread. */
export const importThread = (): URL => new URL('./instrument/community-import-thread.js', import.meta.url);
