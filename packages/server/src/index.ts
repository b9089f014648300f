export { type Config, type LogLevel, loadConfig, parseConfig, type SettingName } from './config.ts';
export { ClewError, type ErrorCode } from './errors.ts';
export { type RunningServer, startServer } from './main.ts';
