import { useSyncExternalStore } from 'react';

/** Device pixels for each CSS pixel. It changes when the page is zoomed or its window moves to another screen. */
export function usePixelRatio(): number {
  return useSyncExternalStore(onRatioChange, () => window.devicePixelRatio || 1);
}

/**
 * A media query tells only that the ratio left one value, so a new one is needed after each change. Zooming also resizes the
 * window, which is reported where the query is not.
 */
function onRatioChange(listener: () => void): () => void {
  let query: MediaQueryList;
  const watch = (): void => {
    query = window.matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`);
    query.addEventListener('change', onChange, { once: true });
  };
  const onChange = (): void => {
    watch();
    listener();
  };
  watch();
  window.addEventListener('resize', listener);
  return () => {
    query.removeEventListener('change', onChange);
    window.removeEventListener('resize', listener);
  };
}
