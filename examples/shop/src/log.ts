export interface Log {
  info(message: string): void;
  warn(message: string): void;
}

/** Warnings by default; with `SHOP_LOG=info` what happens, too. The process that starts the shop adds the service's name. */
export const log: Log = {
  info(message) {
    if (process.env.SHOP_LOG === 'info') console.log(`info  ${message}`);
  },
  warn(message) {
    console.log(`warn  ${message}`);
  },
};
