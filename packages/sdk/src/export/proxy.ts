import { BlockList, isIP, type Socket } from 'node:net';
import { http } from '../builtin-modules.ts';
import { readText } from '../environment.ts';
import { writeNotice } from '../notice.ts';
import { connectTimeoutMs } from './target.ts';

/**
 * The proxy for requests to an address, from `HTTPS_PROXY` and `NO_PROXY`, in lower case or upper. Addresses without TLS
 * are usually those of a collector nearby: for them `HTTP_PROXY` counts only where Node itself follows it, with
 * `NODE_USE_ENV_PROXY=1`. This machine is always reached straight.
 */
export function proxyFromEnvironment(url: URL): string | undefined {
  const isSecure = url.protocol === 'https:';
  if (!isSecure && readText('NODE_USE_ENV_PROXY') !== '1') return undefined;
  const name = isSecure ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const text = readText(name.toLowerCase()) ?? readText(name);
  if (text === undefined || isReachedStraight(url)) return undefined;
  const proxy = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (URL.canParse(proxy) && /^https?:$/.test(new URL(proxy).protocol)) return proxy;
  // It may hold a password.
  writeNotice('warn', `${name} is ignored: an http:// or https:// URL is needed`);
  return undefined;
}

/** `NO_PROXY`: names with all below them, `.example.com` for those below alone, addresses, networks, with or without a port; `*`. */
function isReachedStraight(url: URL): boolean {
  const host = hostOf(url);
  if (host === 'localhost' || host.endsWith('.localhost') || loopback.check(host, familyOf(host))) return true;
  const entries = (readText('no_proxy') ?? readText('NO_PROXY') ?? '').toLowerCase().split(/[\s,]+/);
  return entries.some((entry) => {
    if (entry === '*') return true;
    const [, name = entry, port] = /^(.*):(\d+)$/.exec(isIP(entry) === 6 ? '' : entry) ?? [];
    if (name === '' || (port !== undefined && Number(port) !== portOf(url))) return false;
    if (name.includes('/')) return isInNetwork(host, name);
    const bare = name.replace(/^\*(?=\.)/, '').replace(/^\[|\]$/g, '');
    return bare.startsWith('.') ? host.endsWith(bare) : host === bare || host.endsWith(`.${bare}`);
  });
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

function isInNetwork(host: string, network: string): boolean {
  const [address = '', prefix = ''] = network.split('/');
  const list = new BlockList();
  try {
    list.addSubnet(address, Number(prefix), familyOf(address));
  } catch {
    return false;
  }
  return list.check(host, familyOf(host));
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '').toLowerCase();
}

function portOf({ port, protocol }: URL): number {
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
}

/** For requests to a proxy; undefined when its address has no credentials. */
export function proxyAuthorization({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined;
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(credentials).toString('base64')}`;
}

/**
 * Asks a proxy for a connection to the host of `url`. It never keeps the process alive.
 *
 * @throws Error with a code, or with the status of the proxy's answer.
 */
export async function openTunnel(proxyAddress: string, url: URL): Promise<Socket> {
  const proxy = new URL(proxyAddress);
  const { request } = proxy.protocol === 'https:' ? await import('node:https') : http;
  const authority = `${url.hostname}:${portOf(url)}`;
  const authorization = proxyAuthorization(proxy);
  return new Promise((resolve, reject) => {
    const outgoing = request({
      agent: false,
      host: hostOf(proxy),
      port: portOf(proxy),
      method: 'CONNECT',
      path: authority,
      headers: { host: authority, ...(authorization !== undefined && { 'proxy-authorization': authorization }) },
    });
    const timer = setTimeout(() => {
      outgoing.destroy(Object.assign(new Error(`no tunnel within ${connectTimeoutMs} ms`), { code: 'ETIMEDOUT' }));
    }, connectTimeoutMs).unref();
    outgoing.on('socket', (socket) => socket.unref());
    outgoing.on('error', reject);
    outgoing.on('close', () => clearTimeout(timer));
    const refuse = (status: number | undefined): void => {
      reject(new Error(`the proxy ${proxy.host} answers HTTP ${status}`));
      outgoing.destroy();
    };
    outgoing.on('response', ({ statusCode }) => refuse(statusCode));
    outgoing.on('connect', ({ statusCode }, socket) => {
      if (statusCode === 200) resolve(socket as Socket);
      else refuse(statusCode);
    });
    outgoing.end();
  });
}
